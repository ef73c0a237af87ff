import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deadLetterTopic, retryTopic } from '@postgang/pipeline';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAST } from '@postgang/demo';
import { eventually } from '@postgang/testing';
import { Mailing } from './mailing.js';
import { completeHistory, expectWhole, STEPS } from './whole.js';
import { World } from './world.js';

const LETTERS = 24;
const LIMIT = 10;
/** Authorities that no recipient's certificate comes from. */
const OTHER_TRUST = 'libs/document-package/test/foreign/trust.pem';
const CLI = 'tools/cli/bin/postgang.mjs';
const dir = mkdtempSync(join(tmpdir(), 'postgang-redriven-'));
const trust = join(dir, 'trust.pem');
let world: World;

beforeAll(async () => {
  copyFileSync(OTHER_TRUST, trust);
  // a bad deploy: encryption cannot seal for anybody
  world = await World.start({ settings: { RECIPIENT_TRUST_FILE: trust } });
}, 90_000);
afterAll(async () => {
  await world?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...world.settings,
  REDRIVE_RELEASE_ABOVE: String(LIMIT),
});

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** As an operator does it, in a process of its own. */
const postgang = (...args: string[]): Promise<Said> =>
  new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: environment(), timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    );
  });
async function postgangJson<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await postgang(...args, '--json');
  if (code !== 0) throw new Error(`postgang ${args.join(' ')}: ${err}`);
  return JSON.parse(out) as T;
}

it('letters that a bad deploy sent to the dead letters are redriven by a released plan, and each arrives once, though the run is killed', async () => {
  const dead = await world.follow(deadLetterTopic('encryption'));
  const tier = await world.follow(retryTopic('encryption', '10s'));
  const cast = CAST.filter(({ case: name, end }) => ['digipost', 'eboks'].includes(name) && end === 'DELIVERED');
  const mailing = new Mailing(world, cast);
  await mailing.handIn(LETTERS, 'redriven');
  const distinct = (records: readonly { id: string }[]): number => new Set(records.map(({ id }) => id)).size;
  await eventually('all in the dead letters', () => distinct(dead.records) === LETTERS || undefined, 60_000);

  const listed = await postgangJson<{ letterId: string; failure: string }[]>('dead-letters', 'list', '--since', '1h');
  expect(new Set(listed.map(({ letterId }) => letterId))).toEqual(
    new Set(mailing.sent.map(({ letterId }) => letterId)),
  );
  expect(listed[0]?.failure).toMatch(/^PermanentError: the recipient certificate cannot be sealed for/);

  // mended, and deployed
  copyFileSync(join(world.sandbox.dir, 'trust.pem'), trust);
  const encryption = world.process('encryption');
  await encryption.stop();
  encryption.start();
  await encryption.ready();

  const plan = await postgangJson<{ id: string; hash: string; toSend: number }>(
    ...['redrive', 'plan', '--service', 'encryption', '--by', 'kari', '--reason', 'cannot be sealed'],
  );
  expect(plan.toSend).toBe(LETTERS);
  const early = await postgang('redrive', 'run', plan.id, '--by', 'kari');
  expect(early).toMatchObject({ code: 1, err: expect.stringContaining('a second person must release it') });
  const self = await postgang('redrive', 'release', plan.id, '--by', 'Kari');
  expect(self).toMatchObject({ code: 1, err: expect.stringContaining('may not release it') });
  expect(tier.records).toEqual([]);
  expect(await postgang('redrive', 'release', plan.id, '--by', 'ola', '--hash', plan.hash)).toMatchObject({ code: 0 });

  const killed = spawn(process.execPath, [CLI, 'redrive', 'run', plan.id, '--by', 'kari', '--rate', '2'], {
    env: environment(),
    stdio: 'ignore',
  });
  await eventually('a first part', () => tier.records.length >= 5 || undefined, 60_000);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  expect(tier.records.length).toBeLessThan(LETTERS);
  await eventually(
    'the rest',
    async () => {
      // PostgreSQL may not have noticed yet that who held the lock is gone
      const { code, err } = await postgang('redrive', 'run', plan.id, '--by', 'per', '--rate', '100');
      if (code !== 0 && !err.includes('another run')) throw new Error(err);
      return code === 0 || undefined;
    },
    60_000,
  );

  await mailing.ended(90_000);
  await expectWhole(world, mailing);
  const ids = tier.records.map(({ id }) => id);
  expect(ids).toHaveLength(LETTERS);
  expect(new Set(ids).size).toBe(LETTERS);
  for (const { letterId } of mailing.sent) {
    const history = await completeHistory(world, letterId, [...(STEPS.DELIVERED ?? []), 'redriven']);
    const steps = history
      .filter(({ kind }) => kind === 'redriven')
      .map(({ data }) => (JSON.parse(data) as Particulars).particulars);
    expect(steps.map(({ step }) => step).sort()).toEqual(['PLANNED', 'RELEASED', 'SENT']);
    // agencies read it: who did it stands in the plan
    expect(history.map(({ data }) => data).join('\n')).not.toMatch(/"operator"|kari/);
    expect(new Set(steps.map(({ plan: id }) => id))).toEqual(new Set([plan.id]));
  }

  // again, and by another plan: nothing more
  expect(await postgang('redrive', 'run', plan.id, '--by', 'per')).toMatchObject({ code: 0 });
  const second = await postgangJson<{ toSend: number; records: { why: string }[] }>(
    ...['redrive', 'plan', '--service', 'encryption', '--by', 'ola'],
  );
  expect(second.toSend).toBe(0);
  expect(new Set(second.records.map(({ why }) => why))).toEqual(new Set(['already-redriven']));
  expect(tier.records).toHaveLength(LETTERS);
}, 480_000);

interface Particulars {
  readonly particulars: { readonly plan: string; readonly step: string };
}
