import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { javaMajor, MissingTool, needTool } from './tools.mjs';

const POM = fileURLToPath(new URL('../pom.xml', import.meta.url));

/**
 * The broker's jars, fetched once per content of the pom. A half-finished fetch is never seen: the folder appears by rename.
 * @param {string} cache @param {(line: string) => void} log @returns {string} folder of jars
 */
export function brokerJars(cache, log) {
  needTool('java', ['-version'], 'openjdk-17-jre-headless', 'the local Kafka', log);
  if (javaMajor() < 17)
    throw new MissingTool(
      'the local Kafka needs Java 17 or newer. On Debian or Ubuntu: sudo apt-get install openjdk-17-jre-headless',
    );
  const folder = join(cache, `jars-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  needTool('mvn', ['-v'], 'maven', 'fetching the local Kafka', log);
  log('fetching Kafka from Maven Central (once)');
  const part = `${folder}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  try {
    execFileSync(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        POM,
        'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
        `-DoutputDirectory=${part}`,
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: 600_000,
      },
    );
    if (!existsSync(folder)) renameSync(part, folder);
  } catch (error) {
    throw new Error(
      `Kafka could not be fetched from Maven Central: ${String(error.stderr ?? error.message).slice(0, 500)}`,
      { cause: error },
    );
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return folder;
}
