import { Module } from '@nestjs/common';
import { FilesystemStore, MasterKeys } from '@postgang/document-store';
import { CONFIG } from '@postgang/runtime';
import type { ProviderDispatchConfig } from './config.js';
import { DOCUMENTS, DispatchStage } from './dispatch.stage.js';

@Module({
  controllers: [DispatchStage],
  providers: [
    {
      provide: DOCUMENTS,
      inject: [CONFIG],
      useFactory: (config: ProviderDispatchConfig) =>
        FilesystemStore.open({ root: config.DOCUMENT_STORE, keys: MasterKeys.parse(config.DOCUMENT_KEYS) }),
    },
  ],
})
export class ProviderDispatchModule {}
