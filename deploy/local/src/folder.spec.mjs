import { afterAll, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimFolder, sweepFolders } from './folder.mjs';

const parent = mkdtempSync(join(tmpdir(), 'postgang-folder-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

it('is emptied for a new owner, unless it is to be kept', async () => {
  const dir = join(parent, 'kept');
  (await claimFolder(dir, { keep: true })).leave();
  writeFileSync(join(dir, 'data'), 'precious');
  (await claimFolder(dir, { keep: true })).leave();
  expect(readFileSync(join(dir, 'data'), 'utf8')).toBe('precious');
  const claim = await claimFolder(dir, { keep: false });
  expect(existsSync(join(dir, 'data'))).toBe(false);
  claim.leave();
  expect(existsSync(dir)).toBe(false);
});

it('is refused while somebody else lives there, and free when they died without a word', async () => {
  const dir = join(parent, 'lived-in');
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
  mkdirSync(join(dir, 'owners'), { recursive: true });
  writeFileSync(join(dir, 'owners', String(other.pid)), '');
  await expect(claimFolder(dir, { keep: true, waitMs: 100, refusal: 'lived in' })).rejects.toThrow('lived in');
  sweepFolders(parent, 'lived');
  expect(existsSync(dir)).toBe(true);
  const waiting = claimFolder(dir, { keep: true });
  other.kill('SIGKILL');
  (await waiting).leave();
});

it('has one owner at a time, though many processes come at once', async () => {
  const dir = join(parent, 'wanted');
  const log = join(parent, 'wanted.log');
  const source = `import { claimFolder } from ${JSON.stringify(new URL('./folder.mjs', import.meta.url).href)};
    import { appendFileSync } from 'node:fs';
    for (let turn = 0; turn < 5; turn++) {
      const claim = await claimFolder(${JSON.stringify(dir)}, { keep: false });
      appendFileSync(${JSON.stringify(log)}, 'in ' + process.pid + '\\n');
      await new Promise(setImmediate);
      appendFileSync(${JSON.stringify(log)}, 'out ' + process.pid + '\\n');
      claim.leave();
    }`;
  const exits = Array.from({ length: 4 }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
    return new Promise((done) => child.once('exit', done));
  });
  expect(await Promise.all(exits)).toEqual([0, 0, 0, 0]);
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(40);
  for (let at = 0; at < lines.length; at += 2) expect(lines[at + 1]).toBe(lines[at]?.replace('in', 'out'));
});

it('is swept away when its owners are dead', () => {
  const dir = join(parent, 'test-dead');
  mkdirSync(join(dir, 'owners'), { recursive: true });
  // above every system's largest process id
  writeFileSync(join(dir, 'owners', '999999999'), '');
  sweepFolders(parent, 'test-');
  expect(existsSync(dir)).toBe(false);
});
