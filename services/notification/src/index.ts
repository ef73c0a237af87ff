import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { notificationConfig, type NotificationConfig } from './config.js';
import { MIGRATIONS } from './db/migrations.js';
import { NotificationModule } from './notification.module.js';

/** Sends the service messages that senders ordered. */
export const service: Service<NotificationConfig> = {
  name: 'notification',
  config: notificationConfig,
  module: () => ({ module: NotificationModule }),
  database: { entities: [], migrations: MIGRATIONS },
};
export type { MessageCount } from './db/effects.js';
export { messageCounts } from './message-books.js';
