import { Module } from '@nestjs/common';
import { FilesystemStore, MasterKeys } from '@postgang/document-store';
import { CONFIG } from '@postgang/runtime';
import type { EncryptionConfig } from './config.js';
import { DOCUMENTS, EncryptionStage } from './encryption.stage.js';

@Module({
  controllers: [EncryptionStage],
  providers: [
    {
      provide: DOCUMENTS,
      inject: [CONFIG],
      useFactory: (config: EncryptionConfig) =>
        FilesystemStore.open({ root: config.DOCUMENT_STORE, keys: MasterKeys.parse(config.DOCUMENT_KEYS) }),
    },
  ],
})
export class EncryptionModule {}
