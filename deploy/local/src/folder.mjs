import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const OWNERS = 'owners';
/** A supervisor gives its server five seconds after its parent's death; then it is gone. */
const LEAVING_MS = 12_000;

/** By this process; the owners' files tell of others. @type {Set<string>} */
const claimed = new Set();

/**
 * Makes `dir` ours: waits for a killed predecessor's processes to leave, refuses while somebody else lives there, and empties it unless it
 * is to be kept. Two servers on one data folder would destroy it, and so would two installations. Whoever comes writes its name first and
 * looks for others second; of two who come at once at most one stays.
 * @param {string} dir @param {{ keep: boolean, waitMs?: number, refusal?: string }} options
 * @returns {Promise<{ note: (pid: number | undefined) => void, leave: () => void }>} `note` adds a supervisor, who may outlive us by seconds
 */
export async function claimFolder(
  dir,
  { keep, waitMs = LEAVING_MS, refusal = `other servers run in ${dir}: stop them` },
) {
  const owners = join(dir, OWNERS);
  /** @param {number | undefined} pid */
  const note = (pid) => {
    if (pid === undefined) return;
    mkdirSync(owners, { recursive: true });
    writeFileSync(join(owners, String(pid)), '');
  };
  const deadline = performance.now() + waitMs;
  for (;;) {
    const busy = claimed.has(dir);
    if (!busy) {
      note(process.pid);
      if (!ownersOf(dir).some((pid) => pid !== process.pid && isAlive(pid))) break;
      rmSync(join(owners, String(process.pid)), { force: true });
    }
    if (performance.now() > deadline) throw new Error(refusal);
    await delay(50 + Math.random() * 100);
  }
  claimed.add(dir);
  for (const pid of ownersOf(dir)) if (pid !== process.pid) rmSync(join(owners, String(pid)), { force: true });
  for (const name of keep ? [] : readdirSync(dir))
    if (name !== OWNERS) rmSync(join(dir, name), { recursive: true, force: true });
  return {
    note,
    leave: () => {
      rmSync(keep ? owners : dir, { recursive: true, force: true });
      claimed.delete(dir);
    },
  };
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
