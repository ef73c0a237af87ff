import { Controller, Inject, type OnApplicationShutdown } from '@nestjs/common';
import { PackageError, signingIdentityFromPem } from '@postgang/document-package';
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
    };
  }

  @Stage('letter.routed.v1', { maxBatch: 200 })
  handle(batch: readonly Received<'letter.routed.v1'>[]): Promise<readonly Outcome[]> {
    return Promise.all(batch.map((received) => this.seal(received)));
  }

  private async seal({ event, key }: Received<'letter.routed.v1'>): Promise<Outcome> {
    try {
      const dispatch = await sealLetter(event, this.sealing, this.runtime.clock.now());
      return publish(draft('letter.dispatch.<provider>.v1', key, dispatch, { parameter: event.provider }));
    } catch (error) {
      return failed(fateOf(error));
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sealing.store.close();
  }
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
