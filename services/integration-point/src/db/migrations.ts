import { Initial1763900000000 } from './1-initial.migration.js';
import { IntakeViews1765000000000 } from './2-intake-views.migration.js';

export const MIGRATIONS = [Initial1763900000000, IntakeViews1765000000000];
