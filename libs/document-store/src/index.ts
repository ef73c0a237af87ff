export * from './document-store.js';
export * from './errors.js';
export { FilesystemStore, type FilesystemStoreOptions, type StoreStats } from './filesystem-store.js';
export { MasterKeys } from './master-keys.js';
