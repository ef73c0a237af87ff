import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { startChild, type Child } from './child.js';
import { startRig, type Rig } from './rig.js';
import { dispatchedRecord, letterIds } from './spec-stage.js';

describe('a service that is told to stop', () => {
  let rig: Rig;
  let child: Child;
  beforeEach(async () => {
    rig = await startRig();
    await rig.produce('letter.dispatched.v1', letterIds(100).map(dispatchedRecord));
  });
  afterEach(async () => {
    child.process.kill('SIGKILL');
    await rig.close();
  });

  const inHand = async (how: string, settings = {}): Promise<void> => {
    child = startChild(how, rig.prefix, settings);
    await eventually('a batch in hand', () => child.output().includes('HANDLING') || undefined);
  };
  const committed = async (): Promise<number> => {
    const admin = rig.kafka.admin();
    await admin.connect();
    const [topic] = await admin.fetchOffsets({
      groupId: `${rig.prefix}receipts`,
      topics: [`${rig.prefix}letter.dispatched.v1`],
    });
    await admin.disconnect();
    return (topic?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  };
  const get = async (url: string): Promise<number> => (await fetch(url)).status;
  const lines = (): { msg?: string; level?: string; managementPort?: number }[] =>
    child
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg?: string; level?: string; managementPort?: number });

  it('however often, stops once: what is in hand is published and committed, and the exit code is 0', async () => {
    const out = await rig.collect('recipient.notified.v1');
    await inHand('slow');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGINT', 'SIGTERM'] as const) child.process.kill(signal);
    expect(await child.ended()).toBe(0);
    const handled = [...child.output().matchAll(/HANDLING (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    await eventually('what was in hand', () => out.length >= handled || undefined);
    // nothing of it is handled again by the next process
    expect(await committed()).toBe(handled);
    expect(lines().filter(({ msg }) => msg === 'stopping' || msg === 'stopped')).toHaveLength(2);
  });

  it('and cannot, gives up after its time with a line and exit code 1, and commits nothing', async () => {
    await inHand('never', { SHUTDOWN_MS: '3000' });
    const port = await eventually('the start', () => lines().find(({ msg }) => msg === 'started')?.managementPort);
    child.process.kill('SIGTERM');
    // no more work for it, but no reason to kill it either
    await eventually('unready', async () => (await get(`http://127.0.0.1:${port}/readyz`)) === 503 || undefined);
    expect(await get(`http://127.0.0.1:${port}/livez`)).toBe(200);
    expect(await child.ended()).toBe(1);
    expect(lines()).toContainEqual(
      expect.objectContaining({ level: 'fatal', msg: 'the stop took too long and is given up', withinMs: 3_000 }),
    );
    expect(await committed()).toBe(0);
  });

  it('by an error that nobody caught says so without what hangs on it, and ends with exit code 1', async () => {
    await inHand('throw');
    expect(await child.ended()).toBe(1);
    expect(lines()).toContainEqual(
      expect.objectContaining({ level: 'fatal', msg: 'an error that nobody caught; the process ends' }),
    );
    expect(child.output()).not.toContain('13868190005');
    expect(child.output()).not.toContain('Kari');
  });

  it('by a wrong configuration names what is wrong, all of it, and no value', async () => {
    child = startChild('publish', rig.prefix, {
      LOG_LEVEL: 'hemmelig',
      KAFKA_SESSION_MS: '1',
      POSTGANG_ENVIRONMENT: '',
    });
    expect(await child.ended()).toBe(1);
    for (const key of ['LOG_LEVEL', 'KAFKA_SESSION_MS', 'POSTGANG_ENVIRONMENT']) expect(child.output()).toContain(key);
    expect(child.output()).not.toContain('hemmelig');
    expect(child.output()).not.toContain('    at ');
  });
});
