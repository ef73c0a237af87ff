import { Controller, Inject, type OnApplicationShutdown } from '@nestjs/common';
import { certificatesFromPem, PackageError, signingIdentityFromPem } from '@postgang/document-package';
import {
  DocumentDamaged,
  DocumentErased,
  DocumentMissing,
  type DocumentStore,
  StoreFull,
  StoreUnavailable,
} from '@postgang/document-store';
import { DependencyDown, PermanentError } from '@postgang/outside';
import {
  CONFIG,
  draft,
  failed,
  publish,
  RUNTIME,
  Stage,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import type { EncryptionConfig } from './config.js';
import { RecipientCertificates } from './recipient-certificates.js';
import { sealLetter, type SealedLetter, type Sealing } from './seal-letter.js';

export const DOCUMENTS = Symbol('documents');

/** Stateless: a redelivery makes another package of the same letter, with the same ids; dispatch hands over the first. */
@Controller()
export class EncryptionStage implements OnApplicationShutdown {
  private readonly sealing: Sealing;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) config: EncryptionConfig,
    @Inject(DOCUMENTS) store: DocumentStore,
  ) {
    this.sealing = {
      store,
      keys: runtime.keys,
      signer: signingIdentityFromPem(config.OPERATOR_KEY, config.OPERATOR_CHAIN),
      recipients: new RecipientCertificates(
        config.RECIPIENT_TRUST === undefined ? undefined : certificatesFromPem(config.RECIPIENT_TRUST),
      ),
    };
  }

  /** A part is stored while the next is sealed. The store writes what comes together in one append with one sync. */
  @Stage('letter.routed.v1', { maxBatch: 200 })
  async handle(batch: readonly Received<'letter.routed.v1'>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    let stored: Promise<PromiseSettledResult<Outcome>[]> = Promise.resolve([]);
    for (const part of partsOf(batch)) {
      const now = this.runtime.clock.now();
      const sealed = await Promise.allSettled(part.map(({ event }) => sealLetter(event, this.sealing, now)));
      outcomes.push(...(await stored).map(outcomeOf));
      stored = Promise.allSettled(sealed.map((letter, index) => this.store(part[index] as Part[number], letter)));
    }
    return [...outcomes, ...(await stored).map(outcomeOf)];
  }

  private async store({ event, key }: Part[number], sealed: PromiseSettledResult<SealedLetter>): Promise<Outcome> {
    if (sealed.status === 'rejected') throw sealed.reason;
    const letter = sealed.value;
    const dispatch = letter.dispatch(await this.sealing.store.put(letter.cms));
    return publish(draft('letter.dispatch.<provider>.v1', key, dispatch, { parameter: event.provider }));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sealing.store.close();
  }
}

type Part = readonly Received<'letter.routed.v1'>[];

/** Throws DependencyDown: what is left of the batch would be sealed for nothing. */
function outcomeOf(result: PromiseSettledResult<Outcome>): Outcome {
  if (result.status === 'fulfilled') return result.value;
  const fate = fateOf(result.reason);
  if (fate instanceof DependencyDown) throw fate;
  return failed(fate);
}

/**
 * Letters sealed at the same time: enough for the threads that sign, and few enough that what is made for one dies while it is young: with all of a
 * batch at once V8 went through its whole heap every two seconds.
 */
const AT_ONCE = 32;
/** Of the documents of a part; one letter alone may have 50 MB. The packages of the part before lie in memory beside them. */
const BYTES_AT_ONCE = 32 * 1024 * 1024;

function* partsOf(batch: Part): Generator<Part> {
  let part: Received<'letter.routed.v1'>[] = [];
  let bytes = 0;
  for (const received of batch) {
    const size = received.event.letter.documents.reduce((sum, document) => sum + document.size, 0);
    if (part.length === AT_ONCE || (part.length > 0 && bytes + size > BYTES_AT_ONCE)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(received);
    bytes += size;
  }
  yield part;
}

function fateOf(error: unknown): unknown {
  if (error instanceof StoreFull || error instanceof StoreUnavailable)
    return new DependencyDown('document-store', { cause: error });
  if (
    error instanceof PackageError ||
    error instanceof DocumentErased ||
    error instanceof DocumentDamaged ||
    error instanceof DocumentMissing
  ) {
    return new PermanentError(`the letter cannot be sealed: ${error.message}`, { cause: error });
  }
  return error;
}
