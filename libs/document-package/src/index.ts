export * from './certificates.js';
export * from './cms.js';
export * from './container.js';
export * from './errors.js';
export * from './jws.js';
export * from './manifest.js';
export * from './sbd.js';
export * from './test-authority.js';
export { DEFAULT_ZIP_LIMITS, readZip, writeZip, type ZipEntry, type ZipLimits } from './zip.js';
