export * from './contact.js';
export * from './expectations.js';
export * from './identifiers.js';
export * from './letter-status.js';
export * from './notification.js';
export * from './receipt.js';
export * from './routing.js';
export * from './words.js';
