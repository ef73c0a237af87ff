import { Initial1763900000000 } from './1-initial.migration.js';
import { Parked1764000000000 } from './2-parked.migration.js';
import { RoutingViews1765000000000 } from './3-routing-views.migration.js';
import { PaperWaits1766000000000 } from './4-paper-waits.migration.js';

export const MIGRATIONS = [
  Initial1763900000000,
  Parked1764000000000,
  RoutingViews1765000000000,
  PaperWaits1766000000000,
];
