export * from './clock.js';
export * from './errors.js';
export { AnswerTooLarge, HttpUnreachable } from './exchange.js';
export * from './http.js';
export * from './key-ring.js';
export * from './trace.js';
