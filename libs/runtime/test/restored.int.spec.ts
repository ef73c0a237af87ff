import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deadLetterTopic, header, retryTopic } from '@postgang/pipeline';
import { eventually, freshDatabase, testServers } from '@postgang/testing';
import pg from 'pg';
import type { KafkaMessage } from 'kafkajs';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { CONSUMED_OFFSET_TABLE, ConsumedOffsets, publish, type RunningService, type Service } from '../src/index.js';
import { startRig, type Rig } from './rig.js';
import { dispatchedRecord, letterIds, notifiedDraft, serviceOf } from './spec-stage.js';

class Tables1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CONSUMED_OFFSET_TABLE);
    await runner.query('CREATE TABLE seen (letter_id uuid PRIMARY KEY)');
  }
  async down(): Promise<void> {}
}

/** The one always fails, the other at its first attempt. */
const [POISON = '', LATE = ''] = letterIds(62).slice(60);

/** Writes a row for each letter with the batch's offsets, and publishes what the rows say: also of those that were there already. */
function statefulService(): Service {
  let database: DataSource;
  return serviceOf(
    'receipts',
    'letter.dispatched.v1',
    async (batch) => {
      if (batch.some(({ key, attempt }) => key === POISON || (key === LATE && attempt === 0))) throw new Error('a bug');
      await database.transaction(async (manager) => {
        await manager.query('INSERT INTO seen SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING', [
          batch.map(({ key }) => key),
        ]);
        await ConsumedOffsets.save(manager, batch);
      });
      return batch.map(({ key }) => publish(notifiedDraft(key)));
    },
    {
      database: { entities: [], migrations: [Tables1700000000000] },
      topicParameters: (runtime) => {
        ({ database } = runtime);
        return Promise.resolve({});
      },
    },
  );
}

describe('a service with state', () => {
  const before = letterIds(60).slice(0, 30);
  const after = letterIds(60).slice(30);
  let rig: Rig;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let out: KafkaMessage[];
  beforeEach(async () => {
    [rig, database] = await Promise.all([startRig(), freshDatabase()]);
    out = await rig.collect('recipient.notified.v1');
  });
  afterEach(async () => {
    await rig.close();
    await database.drop();
  });

  const start = (url: string): Promise<RunningService> => rig.start(statefulService(), { POSTGRES_URL: url });
  const hand = (ids: readonly string[]): Promise<void> =>
    rig.produce('letter.dispatched.v1', ids.map(dispatchedRecord));
  const timesOf = (id: string): number => out.filter(({ key }) => key?.toString() === id).length;
  const published = (what: string, ids: readonly string[], times: number): Promise<true> =>
    eventually(what, () => ids.every((id) => timesOf(id) >= times) || undefined);
  const sql = async <T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<T>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const seen = async (url: string): Promise<number> => (await sql(url, 'SELECT 1 FROM receipts.seen')).length;

  it('whose database was restored from a backup reads again what came since, and says the same with the same ids', async () => {
    await hand(before);
    const first = await start(database.url);
    await published('what came before the backup', before, 1);
    await first.stop();
    const name = `${new URL(database.url).pathname.slice(1)}_backup`;
    const backup = new URL(database.url);
    backup.pathname = `/${name}`;
    await sql(testServers().postgres, `CREATE DATABASE ${name} TEMPLATE ${new URL(database.url).pathname.slice(1)}`);
    try {
      const again = new Map(before.map((id) => [id, timesOf(id)]));
      const second = await start(database.url);
      await hand(after);
      await published('what came after it', after, 1);
      await second.stop();
      expect(await seen(backup.href)).toBe(before.length);

      const third = await start(backup.href);
      await published('the same once more', after, 2);
      expect(await seen(backup.href)).toBe(before.length + after.length);
      // what the backup has is not read again
      for (const [id, times] of again) expect(timesOf(id)).toBe(times);
      for (const id of after)
        expect(
          new Set(out.filter(({ key }) => key?.toString() === id).map((one) => header(one.headers, 'ce_id'))).size,
        ).toBe(1);
      await third.stop();
    } finally {
      await sql(testServers().postgres, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  }, 60_000);

  it('whose database was restored has not lost what a retry brought since', async () => {
    await hand(before);
    const retried = await rig.collect(retryTopic('receipts', '10s'));
    const first = await start(database.url);
    await published('what came before the backup', before, 1);
    await hand([LATE]);
    await eventually('it to be set aside', () => retried.length > 0 || undefined);
    await first.stop();
    const name = new URL(database.url).pathname.slice(1);
    const backup = new URL(database.url);
    backup.pathname = `/${name}_retried`;
    await sql(testServers().postgres, `CREATE DATABASE ${name}_retried TEMPLATE ${name}`);
    try {
      const second = await start(database.url);
      await published('what the retry brought', [LATE], 1);
      await second.stop();
      const third = await start(backup.href);
      await published('the same once more', [LATE], 2);
      expect(await seen(backup.href)).toBe(before.length + 1);
      await third.stop();
    } finally {
      await sql(testServers().postgres, `DROP DATABASE IF EXISTS ${name}_retried WITH (FORCE)`);
    }
  }, 90_000);

  it('need not read again what was set aside, though its stage has stored nothing of it', async () => {
    const [dead, retried] = await Promise.all([
      rig.collect(deadLetterTopic('receipts')),
      rig.collect(retryTopic('receipts', '10s')),
    ]);
    const [first = '', second = ''] = before;
    // each at the end of a partition
    await rig.produce('letter.dispatched.v1', [
      { ...dispatchedRecord(first), partition: 0 },
      { ...dispatchedRecord(first), value: Buffer.from('no event'), partition: 0 },
      { ...dispatchedRecord(second), partition: 1 },
      { ...dispatchedRecord(POISON), partition: 1 },
    ]);
    const running = await start(database.url);
    await eventually('both', () => (dead.length > 0 && retried.length > 0) || undefined);
    await running.stop();
    const ends = await rig.ends('letter.dispatched.v1');
    expect(
      await sql(
        database.url,
        "SELECT partition, next_offset FROM receipts.consumed_offset WHERE topic = 'letter.dispatched.v1' ORDER BY 1",
      ),
    ).toEqual(ends.map((end, partition) => ({ partition, next_offset: end })));
  }, 60_000);

  it('whose offsets the broker has lost reads everything again, and its rows stay as they are', async () => {
    await hand(before);
    const first = await start(database.url);
    await published('all', before, 1);
    await first.stop();
    const admin = rig.kafka.admin();
    await admin.connect();
    await admin.deleteGroups([`${rig.prefix}receipts`]);
    await admin.disconnect();
    await start(database.url);
    await published('all again', before, 2);
    expect(await seen(database.url)).toBe(before.length);
  }, 60_000);
});
