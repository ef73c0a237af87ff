import { sharedFile } from '@postgang/testing';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Programs that are not ours and know the formats: what they accept, peers can open. */
const PREPARING_MS = 100_000;
const RUNNING_MS = 25_000;

function runs(command: string, args: readonly string[], timeout: number): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout });
    return true;
  } catch {
    return false;
  }
}

const skipped = (what: string, why: string): false => {
  process.stderr.write(`SKIPPED: ${what}: ${why}\n`);
  return false;
};

export const hasOpenssl = (): boolean =>
  runs('openssl', ['version'], RUNNING_MS) || skipped('openssl cms', 'no openssl on the PATH');

const script = (): string => sharedFile('oracles/run.sh');

/** The first call on a machine fetches the validators from Maven Central, which takes up to a minute; without a network they are left out. */
export function hasValidators(): boolean {
  if (!existsSync(script())) return skipped('signature validators', 'the published files are not beside this checkout');
  if (!runs('java', ['-version'], RUNNING_MS)) return skipped('signature validators', 'no java on the PATH');
  return (
    runs('sh', [script(), 'jdk'], PREPARING_MS) ||
    skipped('signature validators', 'they cannot be made ready (Maven, a JDK with javac, or the network is missing)')
  );
}

/** Opens a package the way a mailbox without our code would. */
export function opensslDecrypt(folder: string, cms: string, keyPem: string): void {
  execFileSync(
    'openssl',
    ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', cms, '-inkey', keyPem, '-out', `${cms}.zip`],
    { cwd: folder, stdio: 'pipe', timeout: RUNNING_MS },
  );
}

/** One start of the Java machine for all files; what it says of each, by file name. */
export function validate(
  which: 'jdk' | 'dss',
  folder: string,
  names: readonly string[],
  trust?: string,
): Map<string, string> {
  const files = [...(trust === undefined ? [] : [trust]), ...names].map((name) => join(folder, name));
  const output = execFileSync('sh', [script(), which, ...files], {
    encoding: 'utf8',
    timeout: RUNNING_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = new Map<string, string>();
  let current = '';
  for (const line of output.split('\n')) {
    current = names.find((name) => line.startsWith(`${name} `)) ?? current;
    if (current !== '') said.set(current, `${said.get(current) ?? ''}${line}\n`);
  }
  return said;
}
