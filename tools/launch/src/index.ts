export * from './launch.js';
export * from './services.js';
export * from './settings.js';
