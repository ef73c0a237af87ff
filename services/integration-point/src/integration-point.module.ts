import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { FilesystemStore, MasterKeys, type DocumentStore } from '@postgang/document-store';
import { CONFIG, ConfigError, RUNTIME, type Runtime } from '@postgang/runtime';
import { AcceptLetters } from './acceptance/accept-letters.js';
import { Sweep } from './acceptance/sweep.js';
import { Unsettled } from './acceptance/unsettled.js';
import { AgencyDirectory } from './agencies/agency-directory.js';
import type { IntegrationPointConfig } from './config.js';
import { nothingHandedInYet } from './documents/nothing-handed-in.js';
import { DOCUMENT_STORE, Uploads } from './documents/uploads.js';
import { Authentication } from './http/authentication.js';
import { DocumentsController } from './http/documents.controller.js';
import { LettersController } from './http/letters.controller.js';
import { OpenApiController } from './http/open-api.js';
import { CONTENT_SCOPE } from './letter/content-hash.js';
import { DryRun } from './letter/dry-run.js';
import { StatusStage } from './ingress/status.stage.js';
import { SubmittedStage } from './ingress/submitted.stage.js';

@Module({
  controllers: [LettersController, DocumentsController, OpenApiController, SubmittedStage, StatusStage],
  providers: [
    {
      provide: DOCUMENT_STORE,
      useFactory: async (config: IntegrationPointConfig, { database }: Runtime): Promise<DocumentStore> =>
        FilesystemStore.open({
          root: config.DOCUMENT_STORE,
          keys: MasterKeys.parse(config.DOCUMENT_KEYS),
          fresh: await nothingHandedInYet(database),
        }),
      inject: [CONFIG, RUNTIME],
    },
    AcceptLetters,
    DryRun,
    AgencyDirectory,
    Authentication,
    Sweep,
    Unsettled,
    Uploads,
  ],
})
export class IntegrationPointModule implements OnApplicationShutdown {
  constructor(
    @Inject(DOCUMENT_STORE) private readonly store: DocumentStore,
    @Inject(RUNTIME) { keys }: Runtime,
  ) {
    // better now than with the first letter
    for (const scope of ['internal', CONTENT_SCOPE])
      if (!keys.has(scope)) throw new ConfigError(`KEY_RING has no scope "${scope}"`);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}
