export * from './chain.js';
export * from './commitment.js';
export * from './day-root.js';
export * from './evidence-file.js';
export * from './merkle.js';
export * from './receipt-id.js';
export * from './verify-evidence.js';
