import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { claimFolder } from '../../deploy/local/src/folder.mjs';
import { runSupervised } from '../../deploy/local/src/supervised.mjs';

const STAMP = 'node_modules/.postgang-installed';
const OWN_NODE = 'node_modules/.bin/node';
const INSTALL_MS = 15 * 60_000;

/** Runs `npm ci` unless node_modules is what package-lock.json asks for. Of several starts at once one installs, the others wait. */
export async function install() {
  if (isInstalled()) return;
  const claim = await claimFolder(resolve('.postgang/install'), {
    keep: false,
    waitMs: INSTALL_MS,
    refusal: 'Another start is still installing the dependencies. Try again when it is done.',
  });
  try {
    if (isInstalled()) return;
    process.stderr.write('Installing the dependencies (npm ci); this takes a minute or two …\n');
    await runSupervised('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      name: 'npm ci',
      timeoutMs: INSTALL_MS,
      started: claim.note,
    });
    if (!existsSync(OWN_NODE))
      throw new Error(
        "npm left out the project's own Node 24: install scripts are switched off. Run: npm ci --ignore-scripts=false",
      );
    writeFileSync(STAMP, wanted());
  } finally {
    claim.leave();
  }
}

const wanted = () => createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');

function isInstalled() {
  if (!existsSync(OWN_NODE)) return false;
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted()) return true;
  if (!matchesLock()) return false;
  writeFileSync(STAMP, wanted());
  return true;
}

/** Whoever ran `npm install` by hand has a node_modules that fits, without our stamp: npm notes in it what it installed. */
function matchesLock() {
  const noted = 'node_modules/.package-lock.json';
  if (!existsSync(noted)) return false;
  /** @typedef {{ packages: Record<string, { version?: string, integrity?: string, optional?: boolean }> }} Lock */
  /** @type {Lock[]} */
  const [asked, has] = [readFileSync('package-lock.json', 'utf8'), readFileSync(noted, 'utf8')].map((text) =>
    JSON.parse(text),
  );
  return Object.entries(asked?.packages ?? {}).every(([path, { version, integrity, optional }]) => {
    if (!path.includes('node_modules/')) return true;
    const there = has?.packages[path];
    if (there === undefined) return optional === true;
    return there.version === version && there.integrity === integrity;
  });
}
