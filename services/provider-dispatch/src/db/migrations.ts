import { Initial1763900000000 } from './1-initial.migration.js';
import { Settling1764100000000 } from './2-settling.migration.js';
import { EffectViews1765000000000 } from './3-effect-views.migration.js';
import { LedgerDatabase1766000000000 } from './4-ledger-database.migration.js';
import { ClaimsBySender1767000000000 } from './5-claims-by-sender.migration.js';

export const MIGRATIONS = [
  Initial1763900000000,
  Settling1764100000000,
  EffectViews1765000000000,
  LedgerDatabase1766000000000,
  ClaimsBySender1767000000000,
];
