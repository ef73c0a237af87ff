export * from './published-views.js';
export * from './servers.js';
export * from './shared.js';
export * from './wait.js';
