export * from './cache.js';
export * from './tokens.js';
