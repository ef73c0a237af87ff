export * from './local-server.js';
export * from './random.js';
export * from './schedule.js';
export * from './small-disk.js';
export * from './tcp-proxy.js';
