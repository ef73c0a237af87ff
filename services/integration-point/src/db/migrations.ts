import { Initial1763900000000 } from './1-initial.migration.js';
import { IntakeViews1765000000000 } from './2-intake-views.migration.js';
import { SaltKey1765100000001 } from './3-salt-key.migration.js';

export const MIGRATIONS = [Initial1763900000000, IntakeViews1765000000000, SaltKey1765100000001];
