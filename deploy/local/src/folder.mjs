import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const OWNERS = 'owners';
/** A supervisor gives its server five seconds after its parent's death; then it is gone. */
const LEAVING_MS = 12_000;

/**
 * Makes `dir` ours: waits for the servers of a killed predecessor to leave, refuses while somebody else runs there, and empties it unless
 * it is to be kept. Two servers on one data folder would destroy it.
 * @param {string} dir @param {{ keep: boolean }} options
 * @returns {Promise<{ note(pid: number | undefined): void, leave(): void }>} `note` adds a supervisor, who may outlive us by seconds
 */
export async function claimFolder(dir, { keep }) {
  const deadline = performance.now() + LEAVING_MS;
  while (ownersOf(dir).some(isAlive)) {
    if (performance.now() > deadline) throw new Error(`other servers are running in ${dir}: stop them first`);
    await delay(100);
  }
  const owners = join(dir, OWNERS);
  rmSync(keep ? owners : dir, { recursive: true, force: true });
  mkdirSync(owners, { recursive: true });
  /** @param {number | undefined} pid */
  const note = (pid) => pid !== undefined && writeFileSync(join(owners, String(pid)), '');
  note(process.pid);
  return { note, leave: () => rmSync(keep ? owners : dir, { recursive: true, force: true }) };
}

/** Removes what killed runs left: folders `<prefix>*` in which nobody lives. @param {string} parent @param {string} prefix */
export function sweepFolders(parent, prefix) {
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    const dir = join(parent, name);
    if (name.startsWith(prefix) && !ownersOf(dir).some(isAlive)) rmSync(dir, { recursive: true, force: true });
  }
}

/** @param {string} dir @returns {number[]} */
function ownersOf(dir) {
  const owners = join(dir, OWNERS);
  return existsSync(owners) ? readdirSync(owners).map(Number) : [];
}

/** Process ids are used again; where the system tells, only a Node process counts. @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node');
  } catch {
    return !existsSync('/proc/self');
  }
}
