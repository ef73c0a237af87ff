import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { encryptionConfig, type EncryptionConfig } from './config.js';
import { EncryptionModule } from './encryption.module.js';

/** Seals letters into packages that only their provider opens. */
export const service: Service<EncryptionConfig> = {
  name: 'encryption',
  config: encryptionConfig,
  module: () => ({ module: EncryptionModule }),
};
