import { afterAll, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSupervised, spawnSupervised, untilReady } from './supervised.mjs';

const dir = mkdtempSync(join(tmpdir(), 'postgang-supervised-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** @param {string} name */
const logFile = (name) => join(dir, name);

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0);
    // a zombie answers too
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** @param {() => boolean} condition */
async function until(condition) {
  while (!condition()) await new Promise((done) => setTimeout(done, 20));
}

it('what ignores the polite request is killed after the grace time, with what it started', async () => {
  const file = logFile('stubborn');
  const stubborn = spawnSupervised('sh', ['-c', 'trap "" TERM; sleep 600 & echo $!; wait; sleep 600'], {
    name: 'stubborn',
    logFile: file,
    graceMs: 100,
  });
  await until(() => /^\d+\n/.test(readFileSync(file, 'utf8')));
  const grandchild = Number(readFileSync(file, 'utf8'));
  expect(alive(grandchild)).toBe(true);
  await stubborn.stop();
  await until(() => !alive(grandchild));
});

it('a command that ends well gets its time to end', async () => {
  const file = logFile('polite');
  const polite = spawnSupervised(
    'sh',
    ['-c', 'trap "echo flushed; exit 0" TERM; echo up; while :; do sleep 0.05; done'],
    {
      name: 'polite',
      logFile: file,
    },
  );
  await until(() => readFileSync(file, 'utf8').startsWith('up'));
  await polite.stop();
  expect(await polite.exited).toBe(0);
  expect(polite.lastLines()).toBe('up\nflushed');
});

it('a killed one gets no time to end, and neither does what it started', async () => {
  const file = logFile('killed');
  const killed = spawnSupervised(
    'sh',
    ['-c', 'trap "echo flushed; exit 0" TERM; sleep 600 & echo $!; while :; do sleep 0.05; done'],
    { name: 'killed', logFile: file },
  );
  await until(() => /^\d+\n/.test(readFileSync(file, 'utf8')));
  await killed.kill();
  expect(await killed.exited).not.toBe(0);
  expect(killed.lastLines()).not.toContain('flushed');
  await until(() => !alive(Number(killed.lastLines())));
});

it('a paused one holds still, with what it started, until it is resumed; and a stop reaches it all the same', async () => {
  const file = logFile('paused');
  const paused = spawnSupervised('sh', ['-c', 'while :; do echo beat; sleep 0.02; done'], {
    name: 'paused',
    logFile: file,
  });
  const beats = () => (existsSync(file) ? readFileSync(file, 'utf8').length : 0);
  await until(() => beats() > 0);
  paused.pause();
  // the signal is on its way for a moment
  for (let before = -1; before !== beats(); await new Promise((done) => setTimeout(done, 200))) before = beats();
  const still = beats();
  paused.resume();
  await until(() => beats() > still);
  paused.pause();
  await paused.stop();
  await paused.exited;
});

it('a command that does not exist, or a folder that does not, ends with code 127', async () => {
  const missing = spawnSupervised('no-such-command', [], { name: 'missing', logFile: logFile('missing') });
  expect(await missing.exited).toBe(127);
  expect(missing.lastLines()).toContain('no-such-command');
  const nowhere = spawnSupervised('true', [], { name: 'nowhere', logFile: logFile('nowhere'), cwd: join(dir, 'none') });
  expect(await nowhere.exited).toBe(127);
  await nowhere.stop();
});

it('a server that dies before it is ready fails the wait with its last lines', async () => {
  const child = spawnSupervised('sh', ['-c', 'echo "no memory"; exit 3'], { name: 'Thing', logFile: logFile('dying') });
  const never = new Promise(() => undefined);
  await expect(untilReady(child, () => /** @type {Promise<void>} */ (never), 10_000)).rejects.toThrow(
    /Thing ended with exit code 3\. Its last lines:\nno memory/,
  );
});

it('a step that takes too long is ended and said to have been late', async () => {
  const step = runSupervised('sleep', ['600'], { name: 'Step', logFile: logFile('late'), timeoutMs: 100 });
  await expect(step).rejects.toThrow('Step was not done after 0.1 s');
});
