export { sweepFolders } from './folder.mjs';
export { freePorts } from './ports.mjs';
export { startServers } from './servers.mjs';
export { runSupervised, spawnSupervised, untilReady } from './supervised.mjs';
export { MissingTool } from './tools.mjs';
