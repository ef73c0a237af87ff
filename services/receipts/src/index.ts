import 'reflect-metadata';
import { PROVIDERS_WITH_TOPICS } from '@postgang/pipeline';
import type { Service } from '@postgang/runtime';
import { receiptsConfig, type ReceiptsConfig } from './config.js';
import { Initial1763900000000 } from './db/1-initial.migration.js';
import { Overdue1764000000000 } from './db/2-overdue.migration.js';
import { AppendOnly1764000000001 } from './db/3-append-only.migration.js';
import { Readers1764000000002 } from './db/4-readers.migration.js';
import { Chains1764000000003 } from './db/5-chains.migration.js';
import { NoReferenceIndex1764000000004 } from './db/6-no-reference-index.migration.js';
import { SealedAt1764000000005 } from './db/7-sealed-at.migration.js';
import { ExpectationView1764000000007 } from './db/8-expectation-view.migration.js';
import { DayRoots1764100000000 } from './db/9-day-roots.migration.js';
import { OperationsViews1765000000000 } from './db/10-operations-views.migration.js';
import { UsualTimes1765000000003 } from './db/11-usual-times.migration.js';
import { RevocationLists1765100000000 } from './db/12-revocation-lists.migration.js';
import { RevocationScope1765200000000 } from './db/13-revocation-scope.migration.js';
import { CountedReceipts1765300000000 } from './db/14-counted-receipts.migration.js';
import { ReceiptsModule } from './receipts.module.js';

/** Keeps what happened to every letter: leg states, history, expectations, receipts; tells the status. */
export const service: Service<ReceiptsConfig> = {
  name: 'receipts',
  config: receiptsConfig,
  module: () => ({ module: ReceiptsModule }),
  // every statement here is multi-row SQL, so there are no entities; tables are made by the migrations
  database: {
    entities: [],
    migrations: [
      Initial1763900000000,
      Overdue1764000000000,
      AppendOnly1764000000001,
      Readers1764000000002,
      Chains1764000000003,
      NoReferenceIndex1764000000004,
      SealedAt1764000000005,
      ExpectationView1764000000007,
      DayRoots1764100000000,
      OperationsViews1765000000000,
      UsualTimes1765000000003,
      RevocationLists1765100000000,
      RevocationScope1765200000000,
      CountedReceipts1765300000000,
    ],
  },
  topicParameters: () => Promise.resolve({ provider: PROVIDERS_WITH_TOPICS }),
};
export { EvidenceUnavailable, exportEvidence } from './evidence/export-evidence.js';
export { verifyHistory, type HistoryEntry } from './history/chain.js';
