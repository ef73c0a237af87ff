import { Controller, Inject } from '@nestjs/common';
import { newTrace, NotOpenable, UnknownKey } from '@postgang/outside';
import { isUuid, letterIdOf, type LetterSubmitted } from '@postgang/pipeline';
import {
  CONFIG,
  ConsumedOffsets,
  failed,
  publish,
  refuse,
  RUNTIME,
  Stage,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import { AcceptLetters, type Acceptance } from '../acceptance/accept-letters.js';
import { AgencyDirectory } from '../agencies/agency-directory.js';
import type { IntegrationPointConfig } from '../config.js';
import { Uploads, type Claim, type Upload } from '../documents/uploads.js';
import { holdDocuments } from '../letter/hold-documents.js';
import { checkLetter, MAX_DOCUMENTS } from '../letter/letter-schema.js';
import { sealLetter, type SealedLetter } from '../letter/seal-letter.js';
import { inputOf } from './submitted-letter.js';

/** The Kafka door: the broker's ACL proves who wrote, and the same checks as over REST decide. */
@Controller()
export class SubmittedStage {
  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: IntegrationPointConfig,
    @Inject(AgencyDirectory) private readonly agencies: AgencyDirectory,
    @Inject(Uploads) private readonly uploads: Uploads,
    @Inject(AcceptLetters) private readonly acceptance: AcceptLetters,
  ) {}

  @Stage('letter.submitted.v1.<orgnr>', { severalPerLetter: true })
  async handle(batch: readonly Received<'letter.submitted.v1'>[]): Promise<readonly Outcome[]> {
    // the agency's key may be newer than what the directory has
    for (const sender of new Set(batch.map(senderOf))) await this.agencies.find(sender);
    const uploads = await this.uploads.find(
      batch.flatMap((received) =>
        received.event.documents
          // more than that is refused, whatever they are
          .slice(0, MAX_DOCUMENTS)
          .filter(({ documentId }) => isUuid(documentId))
          .map(({ documentId }) => ({ agency: senderOf(received), id: documentId.toLowerCase() })),
      ),
    );
    const checked = batch.map((received) => this.read(received, uploads));
    const late = await this.uploads.claim(
      checked.flatMap((one, index) => ('letterId' in one ? claimsOf(one, batch[index] as (typeof batch)[number]) : [])),
    );
    const read = checked.map((one, index) =>
      'letterId' in one && late.has(one.letterId) ? usedElsewhere(batch[index] as (typeof batch)[number]) : one,
    );
    const letters = read.flatMap((one) => ('letterId' in one ? [one] : []));
    const results = await this.acceptance.acceptLetters(letters, (manager) => ConsumedOffsets.save(manager, batch));
    const acceptances = new Map(letters.map((letter, index) => [letter, results[index] as Acceptance]));
    await this.acceptance.releaseUploads(
      letters.filter((letter) => acceptances.get(letter) !== 'accepted').map(({ letterId }) => letterId),
    );
    return read.map((one, index) => {
      if (!('letterId' in one)) return one;
      if (acceptances.get(one) !== 'reference-reused') return publish(); // acceptLetters has published it
      return no(
        batch[index] as Received<'letter.submitted.v1'>,
        'reference-reused',
        'The reference belongs to a letter with other content.',
        '/reference',
      );
    });
  }

  private read(
    received: Received<'letter.submitted.v1'>,
    uploads: ReadonlyMap<string, Upload>,
  ): SealedLetter | Outcome {
    const { event } = received;
    const sender = senderOf(received);
    const letterId = letterIdOf(sender, event.reference);
    if (received.key !== letterId)
      return no(received, 'key-mismatch', 'The record key is not the letter id that the reference gives.');
    let input: unknown;
    try {
      input = inputOf(this.runtime.keys, sender, letterId, event, uploads);
    } catch (error) {
      // an agency's new key is here within seconds: after one retry the key is wrong, and the agency must hear of it
      const unknownKey = error instanceof UnknownKey && received.attempt > 0;
      if (!(error instanceof NotOpenable) && !unknownKey) return failed(error);
      return no(received, 'not-openable', "A field is not sealed with the agency's key for this letter.");
    }
    const checked = checkLetter(input, this.config.POSTGANG_ENVIRONMENT);
    const held = 'errors' in checked ? checked : holdDocuments(sender, checked.letter, new Map(), uploads);
    if ('errors' in held) {
      const [{ pointer, detail }] = held.errors;
      return no(received, 'invalid-letter', `The field ${detail}.`, pointer);
    }
    const { letter } = checked as { letter: Parameters<typeof sealLetter>[1]['letter'] };
    return sealLetter(
      this.runtime.keys,
      {
        sender,
        senderName: this.agencies.nameOf(sender),
        supplier: undefined,
        letter,
        documents: held.documents,
        door: 'KAFKA',
        traceparent: received.traceparent ?? newTrace(),
      },
      this.runtime.clock.now(),
    );
  }
}

const senderOf = ({ source }: Received): string => source.parameter ?? '';
const LONGEST_REFERENCE = 100;

const claimsOf = ({ sender, letterId }: SealedLetter, { event }: Received<'letter.submitted.v1'>): Claim[] =>
  event.documents.map(({ documentId }) => ({ agency: sender, id: documentId.toLowerCase(), letterId }));

const usedElsewhere = (received: Received<'letter.submitted.v1'>): Outcome =>
  no(received, 'invalid-letter', 'A document has been used by another letter; upload it again.', '/documents');

function no(received: Received<'letter.submitted.v1'>, reason: string, detail: string, pointer?: string): Outcome {
  const sender = senderOf(received);
  const { reference }: LetterSubmitted = received.event;
  return refuse({
    about: 'HAND_IN',
    letterId: letterIdOf(sender, reference),
    sender,
    // it may be the very thing that is wrong
    reference: reference.slice(0, LONGEST_REFERENCE),
    reason,
    detail,
    ...(pointer === undefined ? {} : { pointer }),
  });
}
