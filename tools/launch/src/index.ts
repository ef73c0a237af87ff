export * from './launch.js';
export * from './local-agency.js';
export * from './sandbox-process.js';
export * from './service-process.js';
export * from './services.js';
export * from './settings.js';
