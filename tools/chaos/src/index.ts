export type { Difference, Waiting } from './books.js';
export { FAULT_NAMES, type FaultName } from './fault-kinds.js';
export type { ChaosReport } from './report.js';
