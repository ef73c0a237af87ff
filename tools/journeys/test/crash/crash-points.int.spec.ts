import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SERVICES, type ServiceName } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Mailing } from '../mailing.js';
import { brokenAt, completeHistory, expectWhole, STEPS } from '../whole.js';
import { AGENCY, EACH_ALONE, World } from '../world.js';
import { ALIKE, BESIDE, CRASH_POINTS, WAYS, type CrashPoint, type Found } from './crash-points.js';
import { CrashScene, type Letter } from './crash-scene.js';

const PRELOAD = new URL('./edges.mjs', import.meta.url).href;
const TOPICS = [
  ...['letter.accepted.v1', 'letter.routed.v1', 'letter.dispatched.v1', 'letter.notify.v1', 'recipient.notified.v1'],
  ...['letter.status.v1', `letter.status.v1.${AGENCY}`, `letter.submitted.v1.${AGENCY}`],
  ...['digipost', 'eboks', 'print'].flatMap((name) => [`letter.dispatch.${name}.v1`, `receipt.received.${name}.v1`]),
];

const dir = mkdtempSync(join(tmpdir(), 'postgang-crash-'));
const nameOf = ({ service, way, after, before }: CrashPoint): string =>
  `${service}, ${way}: after ${after}, before ${before}`;
const outcomes = new Map<string, { letter: Letter; found: Found } | Error>();
let world: World;
let mailing: Mailing;
let database: pg.Client;

beforeAll(async () => {
  world = await World.start({
    groups: EACH_ALONE,
    settings: { NODE_OPTIONS: `--import=${PRELOAD}`, CRASH_DIR: dir },
  });
  mailing = new Mailing(world);
  database = new pg.Client({ connectionString: world.settings['POSTGRES_URL'] ?? '' });
  await database.connect();
  const scene = new CrashScene(world, mailing, dir, database, await world.follow(...TOPICS));
  const kill = async (service: ServiceName): Promise<void> => {
    for (const point of CRASH_POINTS.filter((one) => one.service === service))
      outcomes.set(nameOf(point), await scene.crash(point).catch((error: Error) => error));
  };
  // one mail cannot be told from another where it kills: that of a letter of receipts must be out before
  const mailed = async (service: ServiceName): Promise<void> => {
    await kill(service);
    if (service !== 'receipts') return;
    await eventually('the mail', () => world.sandbox.counts.mail.accepted > 0 || undefined, 60_000);
    await kill('notification');
  };
  // one death after the other in each service, and the services at the same time
  await Promise.all(SERVICES.filter((service) => service !== 'notification').map(mailed));
}, 600_000);

afterAll(async () => {
  await database?.end();
  await world?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const outcomeOf = (point: CrashPoint): { letter: Letter; found: Found } => {
  const outcome = outcomes.get(nameOf(point));
  if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error('the point was never reached');
  return outcome;
};

describe('a process that dies', () => {
  it.each(CRASH_POINTS.map((point) => [nameOf(point), point] as const))('%s', (_name, point) => {
    expect(outcomeOf(point).found).toEqual(point.found);
  });

  it('loses no letter, and doubles none: each comes to its end, with its whole history', async () => {
    await mailing.ended(150_000);
    await expectWhole(world, mailing, { ordered: false });
    for (const point of CRASH_POINTS) {
      const { letter } = outcomeOf(point);
      const history = await completeHistory(world, letter.letterId, [
        ...(STEPS[letter.part.end] ?? []),
        ...(point.notified === undefined ? [] : ['notified']),
      ]);
      expect(brokenAt(letter.letterId, history)).toBeUndefined();
      const notified = history.find(({ kind }) => kind === 'notified');
      if (point.notified !== undefined) expect(notified?.data).toContain(`"outcome":"${point.notified}"`);
    }
  }, 200_000);

  it('leaves as many mails as were told sent, and the one whose answer it did not live to hear', () => {
    const sent = CRASH_POINTS.filter(({ notified }) => notified === 'SENT').length;
    expect(world.sandbox.counts.mail.accepted).toBe(sent + 1);
  });

  it('leaves a ledger that says what the access point says', async () => {
    const { rows } = await database.query<{ state: string; count: number }>(
      'SELECT state, count(*)::int AS count FROM provider_dispatch.effect GROUP BY state',
    );
    expect(rows).toEqual([{ state: 'HANDED_OVER', count: world.carried }]);
    expect(world.sandbox.counts.messages).toMatchObject({ accepted: world.carried, duplicatesRefused: 0 });
  });
});

describe('the table of crash points', () => {
  it('has every line between two durable steps, each once, and none besides', () => {
    const lines = WAYS.flatMap(({ service, way, steps }) =>
      steps.slice(1).map((before, index) => `${service}, ${way}: after ${steps[index]}, before ${before}`),
    );
    expect(CRASH_POINTS.map(nameOf).sort()).toEqual(lines.sort());
  });

  it('knows every durable step that a service was seen to take', async () => {
    const known = new Set(WAYS.flatMap(({ service, steps }) => steps.map((step) => `${service}\t${step}`)));
    const look = (): string[] => readFileSync(join(dir, 'edges'), 'utf8').trimEnd().split('\n');
    const unseen = (): string[] => [...known].filter((edge) => !look().includes(edge));
    // the last record is committed after what it brought about is seen
    await eventually('every step that is named', () => unseen().length === 0, 60_000).catch(() => undefined);
    const seen = look();
    const strange = [...new Set(seen)].filter((edge) => {
      const step = edge.split('\t')[1] ?? '';
      return !known.has(edge) && BESIDE[step] === undefined && !ALIKE.some((pattern) => pattern.test(step));
    });
    expect(strange).toEqual([]);
    // and each that it names was seen
    expect(unseen()).toEqual([]);
  }, 90_000);
});
