import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { notificationConfig, type NotificationConfig } from './config.js';
import { Initial1763900000000 } from './db/1-initial.migration.js';
import { MessageViews1765000000000 } from './db/2-message-views.migration.js';
import { NotificationModule } from './notification.module.js';

/** Sends the service messages that senders ordered. */
export const service: Service<NotificationConfig> = {
  name: 'notification',
  config: notificationConfig,
  module: () => ({ module: NotificationModule }),
  database: { entities: [], migrations: [Initial1763900000000, MessageViews1765000000000] },
};
