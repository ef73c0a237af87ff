import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const OLDEST_JAVA = 17;
const JAVA_PACKAGE = 'openjdk-17-jre-headless';

/** Thrown with one clear sentence: what is missing and the command that mends it. */
export class MissingTool extends Error {
  /** @override */
  name = 'MissingTool';
}

/** @typedef {(line: string) => void} Log */

/**
 * The Java that runs the broker: JAVA_HOME's when it is new enough, else the one on the PATH.
 * @param {Log} log @returns {string} command
 */
export function needJava(log) {
  const home = process.env.JAVA_HOME;
  const candidates = [...(home ? [join(home, 'bin', 'java')] : []), 'java'];
  const find = () => candidates.find((java) => javaMajor(java) >= OLDEST_JAVA);
  const java = find() ?? (install('java', JAVA_PACKAGE, log) ? find() : undefined);
  if (java !== undefined) return java;
  throw new MissingTool(`The local Kafka needs Java ${OLDEST_JAVA} or newer. ${mend(JAVA_PACKAGE)}`);
}

/** @param {Log} log @returns {string} command */
export function needMaven(log) {
  const works = () => spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status === 0;
  if (works() || (install('mvn', 'maven', log) && works())) return 'mvn';
  throw new MissingTool(`Fetching the local Kafka needs Maven (mvn), which is not installed. ${mend('maven')}`);
}

/** @param {string} debianPackage */
const mend = (debianPackage) =>
  process.platform === 'darwin'
    ? `On macOS: brew install ${debianPackage === JAVA_PACKAGE ? 'openjdk@17' : debianPackage}`
    : `On Debian or Ubuntu: sudo apt-get install ${debianPackage}`;

/** Installs where that is ours to do: as root on Debian. @param {string} tool @param {string} debianPackage @param {Log} log */
function install(tool, debianPackage, log) {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0) return false;
  log(`${tool} is missing; installing the Debian package ${debianPackage}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
    const args = ['install', '-y', '-qq', '--no-install-recommends', debianPackage];
    execFileSync('apt-get', args, { stdio: 'ignore', env });
    return true;
  } catch {
    // the caller names the command, and whoever runs it sees apt's own words
    return false;
  }
}

/** Java's major version, 0 without Java. @param {string} java */
function javaMajor(java) {
  const answer = spawnSync(java, ['-version'], { encoding: 'utf8' });
  return Number(/version "(\d+)/.exec(answer.stderr ?? '')?.[1] ?? 0);
}
