import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FilesystemStore, MasterKeys, type FilesystemStoreOptions } from '../src/index.js';
import type { StoreUnderTest } from './document-store.contract.js';

export const KEY = randomBytes(32);
export const keys = (): MasterKeys => new MasterKeys('k1', new Map([['k1', KEY]]));

export interface StoreFolder extends StoreUnderTest {
  readonly root: string;
  readonly open: (options?: Partial<FilesystemStoreOptions>) => Promise<FilesystemStore>;
}

export async function storeFolder(): Promise<StoreFolder> {
  const root = await mkdtemp(join(tmpdir(), 'postgang-store-'));
  return {
    root,
    open: (options = {}) => FilesystemStore.open({ root, keys: keys(), fresh: true, ...options }),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
