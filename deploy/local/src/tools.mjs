import { execFileSync, spawnSync } from 'node:child_process';

/** Thrown with one clear sentence: what is missing and the command that mends it. */
export class MissingTool extends Error {
  name = 'MissingTool';
}

const has = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** @param {string} command @param {string[]} probe @param {string} debianPackage @param {string} why @param {(line: string) => void} log */
export function needTool(command, probe, debianPackage, why, log) {
  if (has(command, probe)) return;
  const canInstall = process.getuid?.() === 0 && has('apt-get', ['--version']);
  if (canInstall) {
    log(`${command} is missing; installing the Debian package ${debianPackage}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    try {
      execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], {
        stdio: 'ignore',
        env,
      });
    } catch {
      // told below
    }
    if (has(command, probe)) return;
  }
  throw new MissingTool(
    `${why} needs "${command}", which is not installed. On Debian or Ubuntu: sudo apt-get install ${debianPackage}`,
  );
}

/** Java's major version. @returns {number} */
export function javaMajor() {
  const answer = spawnSync('java', ['-version'], { encoding: 'utf8' });
  return Number(/version "(\d+)/.exec(answer.stderr ?? '')?.[1] ?? 0);
}
