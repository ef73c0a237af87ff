import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { randomUUID } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import { loadKnown, lockLetters } from '../src/db/load.js';
import { StageRig } from './stage-rig.js';

let rig: StageRig;
let database: DataSource;

beforeAll(async () => {
  rig = await StageRig.start();
  ({ database } = rig);
}, 60_000);
afterAll(() => rig.stop());

const begin = async (): Promise<QueryRunner> => {
  const runner = database.createQueryRunner();
  await runner.startTransaction();
  return runner;
};
const seqsIn = async (runner: QueryRunner, ids: readonly string[]): Promise<(number | undefined)[]> => {
  const { letters } = await loadKnown(runner.manager, ids, [], []);
  return ids.map((id) => letters.find((letter) => letter.id === id)?.seq);
};

describe('a batch that has its letters', () => {
  it.each([
    ['of before', true],
    ['that neither has heard of', false],
  ])('keeps another one waiting for a letter %s, which then sees what was written', async (_which, known) => {
    const [mine, shared, theirs] = [randomUUID(), randomUUID(), randomUUID()].sort() as [string, string, string];
    if (known) await database.query('INSERT INTO letter (id) VALUES ($1)', [shared]);
    const [first, second] = [await begin(), await begin()];
    try {
      await lockLetters(first.manager, [mine, shared], false);
      await first.query('UPDATE letter SET seq = 7 WHERE id = $1', [shared]);
      const waiting = lockLetters(second.manager, [shared, theirs], false);
      await eventually('the wait', async () => {
        const rows = await first.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return (rows as unknown[]).length === 1 || undefined;
      });
      await first.commitTransaction();
      await waiting;
      expect(await seqsIn(second, [shared, theirs])).toEqual([7, 0]);
      await second.commitTransaction();
    } finally {
      for (const runner of [first, second]) {
        if (runner.isTransactionActive) await runner.rollbackTransaction();
        await runner.release();
      }
    }
  });

  it('has not written to those that were there', async () => {
    const id = randomUUID();
    await database.query('INSERT INTO letter (id, seq) VALUES ($1, 3)', [id]);
    const version = (): Promise<unknown> => database.query('SELECT ctid::text FROM letter WHERE id = $1', [id]);
    const before = await version();
    await database.transaction((manager) => lockLetters(manager, [id], true));
    expect(await version()).toEqual(before);
  });
});
