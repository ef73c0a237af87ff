export * from './clock.js';
export * from './errors.js';
export * from './http.js';
export * from './key-ring.js';
export * from './trace.js';
