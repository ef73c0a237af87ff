export * from './codec.js';
export * from './envelope.js';
export * from './generated/events.js';
export * from './ids.js';
export * from './topics.js';
