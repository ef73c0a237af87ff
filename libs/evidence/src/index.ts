export * from './chain.js';
export * from './day-root.js';
export * from './merkle.js';
