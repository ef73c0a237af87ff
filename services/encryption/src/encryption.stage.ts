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
import { sealLetter, type Sealing } from './seal-letter.js';

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

  @Stage('letter.routed.v1', { maxBatch: 200 })
  async handle(batch: readonly Received<'letter.routed.v1'>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const part of partsOf(batch)) outcomes.push(...(await this.sealAll(part)));
    return outcomes;
  }

  /** All packages first, then all into the store at once: the store writes what comes together in one append with one sync. */
  private async sealAll(part: readonly Received<'letter.routed.v1'>[]): Promise<readonly Outcome[]> {
    const now = this.runtime.clock.now();
    const sealed = await Promise.all(part.map(({ event }) => orFate(sealLetter(event, this.sealing, now))));
    return Promise.all(
      sealed.map(async (letter, index): Promise<Outcome> => {
        const { event, key } = part[index] as Received<'letter.routed.v1'>;
        const stored = letter instanceof Fate ? letter : await orFate(this.sealing.store.put(letter.cms));
        if (stored instanceof Fate || letter instanceof Fate) return failed((stored as Fate).error);
        const dispatch = letter.dispatch(stored);
        return publish(draft('letter.dispatch.<provider>.v1', key, dispatch, { parameter: event.provider }));
      }),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sealing.store.close();
  }
}

class Fate {
  constructor(readonly error: unknown) {}
}

const orFate = <T>(work: Promise<T>): Promise<T | Fate> => work.catch((error: unknown) => new Fate(fateOf(error)));

/** A letter may have 50 MB: as many at once as memory bears, and at least one. */
const BYTES_AT_ONCE = 64 * 1024 * 1024;

function* partsOf(batch: readonly Received<'letter.routed.v1'>[]): Generator<readonly Received<'letter.routed.v1'>[]> {
  let part: Received<'letter.routed.v1'>[] = [];
  let bytes = 0;
  for (const received of batch) {
    const size = received.event.letter.documents.reduce((sum, document) => sum + document.size, 0);
    if (part.length > 0 && bytes + size > BYTES_AT_ONCE) {
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
