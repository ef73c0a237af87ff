export * from './access-point.js';
export * from './provider.js';
