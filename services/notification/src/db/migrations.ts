import { Initial1763900000000 } from './1-initial.migration.js';
import { Restored1764100000000 } from './2-restored.migration.js';
import { MessageViews1765000000000 } from './3-message-views.migration.js';

export const MIGRATIONS = [Initial1763900000000, Restored1764100000000, MessageViews1765000000000];
