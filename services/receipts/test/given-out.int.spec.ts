import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { signJson, TestAuthority, type SigningIdentity } from '@postgang/document-package';
import { signDayRoot, statementHash, type DayRoot } from '@postgang/evidence';
import { DependencyDown } from '@postgang/outside';
import { encode } from '@postgang/pipeline';
import { eventually, testServers } from '@postgang/testing';
import { TcpProxy } from '@postgang/testing/faults';
import type { DayRoots } from '../src/day-roots/day-roots.js';
import { DayRootsRig, letters, signed, type RootRow } from './day-roots-rig.js';

const OPERATOR = '310000019';
const MONDAY = new Date('2026-11-23T12:00:00Z');
const TUESDAY = new Date('2026-11-24T12:00:00Z');
const WEDNESDAY = new Date('2026-11-25T12:00:00Z');
const DAY = '2026-11-23';

let rig: DayRootsRig;
let authority: TestAuthority;
let operator: SigningIdentity;

beforeAll(async () => {
  authority = await TestAuthority.create();
  operator = await authority.issue(OPERATOR, 'Operator', { notBefore: new Date('2026-01-01') });
}, 60_000);

// a database and a topic for each: what was closed stays closed, and what was given out stays out
beforeEach(async () => {
  rig = await DayRootsRig.start(MONDAY, operator);
}, 60_000);

afterEach(() => rig.close());

const messages = (level: 'warn' | 'error'): string[] =>
  rig.logged.filter((line) => line.level === level).map(({ message }) => message);
const givenOut = async (): Promise<[string, string][]> =>
  (await rig.lying()).map(({ day, statement }) => [day, statement]);
const rowsOf = (roots: readonly RootRow[]): [string, string][] => roots.map(({ day, statement }) => [day, statement]);

/** Monday's letters, in a database of which there is a backup, and Monday closed after it. */
async function restoredTo(): Promise<{ backup: string; first: RootRow }> {
  await rig.know(letters(3));
  const backup = await rig.backup();
  rig.now = TUESDAY;
  await rig.closeAll(rig.dayRoots());
  const [first] = (await rig.roots()) as [RootRow];
  return { backup, first };
}

describe('a root that was signed', () => {
  it('is given out once, under its day, with the very bytes of its row, by whichever process', async () => {
    await rig.know(letters(3));
    rig.now = WEDNESDAY;
    const processes = [rig.dayRoots(), rig.dayRoots()];
    await rig.closeAll(...processes);
    await rig.closeAll(...processes);
    const lying = await rig.lying();
    // two may tell of the same at the same moment, as the same event
    const once = [...new Map(lying.map((one) => [one.id, one])).values()];
    expect(once.map(({ key, day, statement }) => [key, day, statement])).toEqual(
      (await rig.roots()).map(({ day, statement }) => [day, day, statement]),
    );
    await rig.closeAll(...processes, rig.dayRoots());
    expect(await rig.lying()).toHaveLength(lying.length);
    expect(messages('error')).toEqual([]);
  });

  it('is given out after a crash between its row and the topic, as soon as any process looks', async () => {
    await rig.know(letters(2));
    rig.now = TUESDAY;
    const dying = rig.dayRoots({
      published: {
        read: () => rig.published().read(),
        publish: () => Promise.reject(new DependencyDown('kafka')),
      },
    });
    await expect(dying.turn()).rejects.toThrow(DependencyDown);
    expect(await rig.roots()).toHaveLength(1);
    expect(dying.waiting).toBe(0);
    expect(await rig.lying()).toEqual([]);
    await rig.closeAll(rig.dayRoots());
    expect(await givenOut()).toEqual(rowsOf(await rig.roots()));
  });

  it('is given out by the next turn of the same process when the topic was away', async () => {
    await rig.know(letters(2));
    rig.now = TUESDAY;
    const published = rig.published();
    let away = true;
    const worker = rig.dayRoots({
      published: {
        read: () => published.read(),
        publish: (roots) => (away ? Promise.reject(new DependencyDown('kafka')) : published.publish(roots)),
      },
    });
    await expect(worker.turn()).rejects.toThrow(DependencyDown);
    await expect(worker.turn()).rejects.toThrow(DependencyDown);
    away = false;
    expect(await worker.turn()).toBe(0);
    expect(await givenOut()).toEqual(rowsOf(await rig.roots()));
  });

  it('from before there was a topic is given out with the others, in their order', async () => {
    await rig.know(letters(2));
    rig.now = new Date('2026-12-03T12:00:00Z');
    const silent = { read: () => Promise.resolve([]), publish: () => Promise.resolve() };
    await rig.closeAll(rig.dayRoots({ published: silent }));
    expect(await rig.lying()).toEqual([]);
    await rig.closeAll(rig.dayRoots());
    expect(await givenOut()).toEqual(rowsOf(await rig.roots()));
    expect(await rig.roots()).toHaveLength(10);
  });
});

describe('a database that was restored from a backup of before the root', () => {
  it('with the same history keeps the statement that was given out, byte for byte', async () => {
    const { backup, first } = await restoredTo();
    await rig.restore(backup);
    rig.now = new Date(TUESDAY.getTime() + 3_600_000);
    const again = rig.dayRoots();
    await rig.closeAll(again);
    expect(await rig.roots()).toEqual([first]);
    expect(await givenOut()).toEqual([[DAY, first.statement]]);
    expect([again.replaced, messages('error'), messages('warn')]).toEqual([0, [], []]);
  });

  it('with another history replaces what was given out and says so, and the next day is built upon that', async () => {
    const { backup, first } = await restoredTo();
    rig.now = WEDNESDAY;
    await rig.closeAll(rig.dayRoots());
    const [, tuesday] = (await rig.roots()) as [RootRow, RootRow];
    await rig.restore(backup);
    rig.now = MONDAY;
    await rig.know(letters(1));
    rig.now = WEDNESDAY;
    const again = rig.dayRoots();
    await rig.closeAll(again);
    const anew = (await rig.roots()) as [RootRow, RootRow];
    expect(anew.map(signed)).toMatchObject([
      { day: DAY, size: 4, previous: null, replaces: statementHash(first.statement) },
      { size: 0, previous: statementHash(anew[0].statement), replaces: statementHash(tuesday.statement) },
    ]);
    expect(await givenOut()).toEqual(rowsOf([first, tuesday, ...anew]));
    expect(again.replaced).toBe(2);
    expect(rig.logged.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toEqual(
      anew.map((root) => ({
        day: root.day,
        statement: statementHash(root.statement),
        replaces: signed(root).replaces,
      })),
    );
  });

  it('once more, to the first history, replaces the newest that was given out and not one that was replaced itself', async () => {
    const { backup, first } = await restoredTo();
    await rig.restore(backup);
    const copy = await rig.backup();
    rig.now = MONDAY;
    await rig.know(letters(1));
    rig.now = TUESDAY;
    await rig.closeAll(rig.dayRoots());
    const [second] = (await rig.roots()) as [RootRow];
    await rig.restore(copy);
    const copyOfCopy = await rig.backup();
    await rig.closeAll(rig.dayRoots());
    const [third] = (await rig.roots()) as [RootRow];
    expect(signed(third)).toMatchObject({ root: signed(first).root, replaces: statementHash(second.statement) });
    // and what says that it replaces is kept like any other
    await rig.restore(copyOfCopy);
    await rig.closeAll(rig.dayRoots());
    expect(await rig.roots()).toEqual([third]);
    expect(await givenOut()).toEqual(rowsOf([first, second, third]));
  });
});

describe('a database that was restored twice: to an old backup by mistake, and then to the newest', () => {
  /** Monday has its first root in the database, and the one that replaced it stands outside. */
  async function restoredTwice(): Promise<{ first: RootRow; standing: RootRow }> {
    const { backup, first } = await restoredTo();
    const newest = await rig.backup();
    await rig.restore(backup);
    rig.now = MONDAY;
    await rig.know(letters(1));
    rig.now = TUESDAY;
    await rig.closeAll(rig.dayRoots());
    const [standing] = (await rig.roots()) as [RootRow];
    await rig.restore(newest);
    rig.logged.length = 0;
    return { first, standing };
  }

  it('is told of, and no further root is signed or given out, while letters go on', async () => {
    const { first, standing } = await restoredTwice();
    const worker = rig.dayRoots();
    expect(await worker.turn()).toBe(0);
    rig.now = WEDNESDAY;
    await rig.know(letters(1));
    expect([await worker.turn(), await worker.turn()]).toEqual([1, 1]);
    expect([worker.disputed, worker.waiting, await rig.roots()]).toEqual([1, 1, [first]]);
    expect(await givenOut()).toEqual(rowsOf([first, standing]));
    expect(rig.logged).toMatchObject([
      {
        level: 'error',
        fields: { day: DAY, statement: statementHash(first.statement), standing: statementHash(standing.statement) },
      },
    ]);
  });

  it('goes on when its roots have been taken away from there on: the new ones replace what stood', async () => {
    const { first, standing } = await restoredTwice();
    rig.now = WEDNESDAY;
    const worker = rig.dayRoots();
    expect(await worker.turn()).toBe(1);
    await rig.database.transaction(async (manager) => {
      for (const table of ['day_chunk', 'day_root']) {
        await manager.query(`ALTER TABLE receipts.${table} DISABLE TRIGGER append_only`);
        await manager.query(`DELETE FROM receipts.${table} WHERE day >= '${DAY}'`);
        await manager.query(`ALTER TABLE receipts.${table} ENABLE TRIGGER append_only`);
      }
    });
    await rig.closeAll(worker);
    const [monday, tuesday] = (await rig.roots()) as [RootRow, RootRow];
    expect(signed(monday)).toMatchObject({ root: signed(first).root, replaces: statementHash(standing.statement) });
    expect(signed(tuesday).previous).toBe(statementHash(monday.statement));
    expect(await givenOut()).toEqual(rowsOf([first, standing, monday, tuesday]));
    expect([worker.disputed, worker.waiting, worker.replaced]).toEqual([0, 0, 1]);
  });

  it('does not give out its own root beside another that it never knew of', async () => {
    await rig.know(letters(3));
    const backup = await rig.backup();
    rig.now = TUESDAY;
    const dying = rig.dayRoots({
      published: { read: () => rig.published().read(), publish: () => Promise.reject(new DependencyDown('kafka')) },
    });
    await expect(dying.turn()).rejects.toThrow(DependencyDown);
    const [own] = await rig.roots();
    const newest = await rig.backup();
    await rig.restore(backup);
    rig.now = MONDAY;
    await rig.know(letters(1));
    rig.now = TUESDAY;
    await rig.closeAll(rig.dayRoots());
    const standing = await rig.roots();
    await rig.restore(newest);
    const worker = rig.dayRoots();
    await worker.turn();
    expect([worker.disputed, await rig.roots()]).toEqual([1, [own]]);
    expect(await givenOut()).toEqual(rowsOf(standing));
  });

  it('gives out a root that replaces what stands, when a crash came in between', async () => {
    const { backup, first } = await restoredTo();
    await rig.restore(backup);
    rig.now = MONDAY;
    await rig.know(letters(1));
    rig.now = TUESDAY;
    const dying = rig.dayRoots({
      published: { read: () => rig.published().read(), publish: () => Promise.reject(new DependencyDown('kafka')) },
    });
    await expect(dying.turn()).rejects.toThrow(DependencyDown);
    const worker = rig.dayRoots();
    await rig.closeAll(worker);
    expect(worker.disputed).toBe(0);
    expect(await givenOut()).toEqual(rowsOf([first, ...(await rig.roots())]));
  });
});

describe('what somebody else wrote into the topic', () => {
  const closed = (statement: string, day = DAY): Buffer => encode('day.closed.v1', { day, statement });
  const bySomebody = async (says: DayRoot): Promise<Buffer[]> => {
    const stranger = await (await TestAuthority.create('Postgang Test')).issue(OPERATOR, 'Operator');
    const neighbour = await authority.issue('991825827', 'Neighbour');
    const later = { ...says, closedAt: '2026-11-24T09:00:00.000Z' };
    const good = await signDayRoot(later, operator);
    return [
      // an authority of the same name, the same organisation number, the same root
      closed(await signDayRoot(later, stranger)),
      closed(await signDayRoot(later, neighbour)),
      closed(`${good.slice(0, -8)}AAAAAAAA`),
      closed(await signJson({ ...later, more: 1 }, operator)),
      closed(await signDayRoot({ ...later, day: '2026-11-22' }, operator)),
      closed(''),
      closed('x'.repeat(60_000)),
    ];
  };

  it('counts for nothing, neither as what was given out nor as replaced, and is told of once', async () => {
    const { backup, first } = await restoredTo();
    const forged = await bySomebody(signed(first));
    for (const one of forged) await rig.put(one);
    const worker = await restoredWorker(backup);
    expect(await rig.roots()).toEqual([first]);
    expect(messages('warn')).toHaveLength(forged.length);
    await rig.closeAll(worker);
    rig.now = WEDNESDAY;
    await rig.closeAll(worker);
    expect(messages('warn')).toHaveLength(forged.length);
    expect([worker.replaced, messages('error')]).toEqual([0, []]);
  });

  it('alone is as good as nothing', async () => {
    const ids = letters(2);
    await rig.know(ids);
    const says: DayRoot = {
      ...{ format: 'postgang-day-root/1', day: DAY, closedAt: TUESDAY.toISOString(), size: 2 },
      ...{ root: 'a'.repeat(64), previous: null },
    };
    for (const one of await bySomebody(says)) await rig.put(one);
    rig.now = TUESDAY;
    await rig.closeAll(rig.dayRoots());
    expect(signed((await rig.roots())[0] as RootRow).replaces).toBeUndefined();
  });

  it('and is no record of ours at all, or names a day that no calendar has, stops nothing', async () => {
    const { backup, first } = await restoredTo();
    for (const one of [Buffer.alloc(0), Buffer.from('no event'), Buffer.from('c3010000000000000000', 'hex')])
      await rig.put(one);
    for (const day of ['0000-01-01', '2026-02-30', "'; DROP TABLE day_root; --", '\u0000', ''])
      await rig.put(closed(first.statement, day));
    await restoredWorker(backup);
    expect(await rig.roots()).toEqual([first]);
  });

  it('again, which the operator said and then replaced, does not make it the newest', async () => {
    const { backup, first } = await restoredTo();
    await rig.restore(backup);
    const copy = await rig.backup();
    rig.now = MONDAY;
    await rig.know(letters(1));
    rig.now = TUESDAY;
    await rig.closeAll(rig.dayRoots());
    const [second] = (await rig.roots()) as [RootRow];
    await rig.put(closed(first.statement));
    await restoredWorker(copy);
    expect(signed((await rig.roots())[0] as RootRow).replaces).toBe(statementHash(second.statement));
  });

  it('by another certificate of the operator under an authority that receipts trust does count', async () => {
    const other = await TestAuthority.create('Another authority');
    const before = await other.issue(OPERATOR, 'Operator', { notBefore: new Date('2026-01-01') });
    await rig.know(letters(2));
    const backup = await rig.backup();
    rig.now = TUESDAY;
    await rig.closeAll(rig.dayRoots({ signer: before }));
    const [first] = (await rig.roots()) as [RootRow];
    await rig.restore(backup);
    await rig.closeAll(rig.dayRoots({ trust: other.trust }));
    expect(await rig.roots()).toEqual([first]);
  });

  async function restoredWorker(backup: string): Promise<DayRoots> {
    await rig.restore(backup);
    rig.now = TUESDAY;
    const worker = rig.dayRoots();
    await rig.closeAll(worker);
    return worker;
  }
});

describe('while the topic cannot be read', () => {
  let proxy: TcpProxy;
  let stops: () => void;
  beforeEach(async () => {
    proxy = await TcpProxy.start(Number(testServers().brokers[0]?.split(':')[1]));
    stops = () => undefined;
  });
  afterEach(async () => {
    stops();
    await proxy.stop();
  });
  const through = () => {
    const published = rig.published([`127.0.0.1:${proxy.port}`]);
    stops = () => published.stop();
    return published;
  };

  it('no root is signed, the day is closed all the same and waits, and letters go on', async () => {
    await rig.know(letters(2));
    rig.now = TUESDAY;
    proxy.cut();
    const worker = rig.dayRoots({ published: through() });
    await expect(worker.turn()).rejects.toThrow();
    await rig.know(letters(1));
    await expect(worker.turn()).rejects.toThrow();
    expect([worker.waiting, await rig.roots()]).toEqual([1, []]);
    proxy.heal();
    await rig.closeAll(worker);
    expect(worker.waiting).toBe(0);
    expect((await rig.roots()).map(signed)).toMatchObject([{ day: DAY, size: 2, closedAt: TUESDAY.toISOString() }]);
    expect(await givenOut()).toEqual(rowsOf(await rig.roots()));
  }, 60_000);

  it('without an answer, a service that stops does not wait for one', async () => {
    proxy.halfOpen();
    const published = through();
    const reading = published.read();
    void reading.catch(() => undefined);
    await eventually('the question', () => proxy.connections > 0 || undefined);
    const at = performance.now();
    published.stop();
    await expect(reading).rejects.toThrow('the service stops');
    expect(performance.now() - at).toBeLessThan(2_000);
  }, 60_000);

  it('because it is not there, no root is signed either', async () => {
    await rig.know(letters(1));
    rig.now = TUESDAY;
    const admin = rig.kafka.admin();
    await admin.connect();
    const topic = `${rig.prefix}day.closed.v1`;
    await admin.deleteTopics({ topics: [topic] });
    // the broker answers before all of it knows
    await eventually('the end of the topic', async () => !(await admin.listTopics()).includes(topic) || undefined);
    await admin.disconnect();
    const worker = rig.dayRoots();
    await expect(worker.turn()).rejects.toThrow();
    expect([worker.waiting, await rig.roots()]).toEqual([1, []]);
  }, 60_000);
});
