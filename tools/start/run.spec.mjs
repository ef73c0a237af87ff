import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const RUN = new URL('./run.mjs', import.meta.url).href;
const WATCH = new URL('./end-with-parent.mjs', import.meta.url).href;

/** A process that runs `script` the way every npm script is run. @param {string} script */
function start(script) {
  const source = `import { run } from ${JSON.stringify(RUN)}; process.exit(await run(['-e', ${JSON.stringify(script)}]));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** @type {Promise<number>} */
  const exit = new Promise((done) => child.once('exit', (code) => done(code ?? -1)));
  return { child, exit, line: async () => String((await lines.next()).value) };
}

/** @param {string} pid */
async function gone(pid) {
  for (;;) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      return;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe('what an npm script runs', () => {
  it('gives its exit code', async () => {
    expect(await start('process.exit(7)').exit).toBe(7);
  });

  it.each(/** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))(
    'hears %s and ends in its own time',
    async (signal) => {
      const { child, exit, line } = start(
        `process.on('${signal}', () => { console.log('tidied up'); process.exit(3); }); setInterval(() => {}, 1e6); console.log('ready');`,
      );
      expect(await line()).toBe('ready');
      child.kill(signal);
      expect(await line()).toBe('tidied up');
      expect(await exit).toBe(3);
    },
  );

  it('ends when the script is killed, even when it would rather not', async () => {
    const { child, line } = start(
      `process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log(process.pid);`,
    );
    const pid = await line();
    child.kill('SIGKILL');
    await gone(pid);
  }, 10_000);

  it('ends when npm is killed, whose shell lives on', async () => {
    const source = `import { endWithParent } from ${JSON.stringify(WATCH)}; endWithParent({ throughShell: true }); setInterval(() => {}, 1e6); console.log(process.pid);`;
    // npm → shell → script, where the shell has more to do and so stays
    const npm = spawn(process.execPath, [
      '-e',
      `require('node:child_process').spawn('sh', ['-c', '"$0" --input-type=module -e "$1"; :', process.execPath, process.argv[1]], { stdio: 'inherit' })`,
      source,
    ]);
    const lines = createInterface({ input: npm.stdout })[Symbol.asyncIterator]();
    const pid = String((await lines.next()).value);
    npm.kill('SIGKILL');
    await gone(pid);
  }, 10_000);
});
