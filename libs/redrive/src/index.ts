import 'reflect-metadata';

export type { PlanState, RecordState, Step, StoredPlan, StoredRecord } from './db/store.js';
export * from './errors.js';
export type { Described, Filter } from './filter.js';
export type { Why } from './judge.js';
export { deadLettersOf } from './look.js';
export { summaryOf, type PlannedRecord, type Summary } from './plan.js';
export * from './redrive.js';
