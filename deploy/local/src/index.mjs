export { freePorts } from './ports.mjs';
export { startServers } from './servers.mjs';
export { spawnSupervised, untilReady } from './supervised.mjs';
export { MissingTool } from './tools.mjs';
