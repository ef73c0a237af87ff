import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
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
  /** @type {Set<number>} */
  const ours = new Set();
  /** @param {number | undefined} pid */
  const note = (pid) => {
    if (pid === undefined) return;
    ours.add(pid);
    writeNote(owners, pid);
  };
  /** @param {Iterable<number>} pids */
  const forget = (pids) => {
    for (const pid of pids) rmSync(join(owners, String(pid)), { force: true });
  };
  const deadline = performance.now() + waitMs;
  for (;;) {
    if (!claimed.has(dir)) {
      note(process.pid);
      if (!ownersOf(dir).some((pid) => pid !== process.pid && isAlive(pid))) break;
      forget([process.pid]);
    }
    if (performance.now() > deadline) throw new Error(refusal);
    await delay(50 + Math.random() * 100);
  }
  claimed.add(dir);
  forget(ownersOf(dir).filter((pid) => !isAlive(pid)));
  if (!keep) empty(dir);
  return {
    note,
    leave: () => {
      if (!keep) empty(dir);
      // others may wait here: our names go, and the folders only when nobody is in them
      forget(ours);
      removeIfEmpty(owners);
      if (!keep) removeIfEmpty(dir);
      claimed.delete(dir);
    },
  };
}

/** @param {string} owners @param {number} pid */
function writeNote(owners, pid) {
  for (;;) {
    try {
      mkdirSync(owners, { recursive: true });
      writeFileSync(join(owners, String(pid)), '');
      return;
    } catch (error) {
      // removed in between by one who left
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
    }
  }
}

/** @param {string} dir */
function empty(dir) {
  for (const name of readdirSync(dir)) if (name !== OWNERS) rmSync(join(dir, name), { recursive: true, force: true });
}

/** @param {string} dir */
function removeIfEmpty(dir) {
  try {
    rmdirSync(dir);
  } catch {
    // not empty, or gone
  }
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
