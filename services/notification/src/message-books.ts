import { openDatabase } from '@postgang/runtime';
import { countMessages, type MessageCount } from './db/effects.js';
import { MIGRATIONS } from './db/migrations.js';

/** What became of all service messages. Makes the tables when this is the first to come. */
export async function messageCounts(postgresUrl: string): Promise<MessageCount[]> {
  const source = await openDatabase({
    url: postgresUrl,
    schema: 'notification',
    // migrating holds a lock on one and works on another
    pool: 2,
    entities: [],
    migrations: MIGRATIONS,
    onStatement: () => undefined,
  });
  try {
    return await countMessages(source);
  } finally {
    await source.destroy();
  }
}
