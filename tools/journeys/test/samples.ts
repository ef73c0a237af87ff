import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PDF } from './mailing.js';

const run = promisify(execFile);

/** The code blocks of the root README under a heading, in order, e.g. of language `sh`. */
export function samplesUnder(heading: string, language: string): string[] {
  const readme = readFileSync('README.md', 'utf8');
  const [, after = ''] = readme.split(`## ${heading}\n`);
  const section = after.split(/^## /m)[0] ?? '';
  return [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , text]) => text ?? '');
}

/** A folder inside the workspace, where the samples find their packages. */
export class Workbench {
  readonly dir = resolve(`.postgang/test-samples-${process.pid}`);

  constructor(private readonly environment: Readonly<Record<string, string>>) {
    mkdirSync(this.dir, { recursive: true });
    writeFileSync(join(this.dir, 'vedtak.pdf'), PDF);
    writeFileSync(
      join(this.dir, 'tsconfig.json'),
      JSON.stringify({ extends: resolve('tsconfig.base.json'), include: ['*.mts'] }),
    );
  }

  /** Standard output. */
  async shell(script: string): Promise<string> {
    const { stdout } = await run('bash', ['-euc', script], { cwd: this.dir, env: this.env() });
    return stdout;
  }

  /** Checked as it stands, then written with this world's topics. */
  write(name: string, source: string): void {
    writeFileSync(join(this.dir, `${name}.mts`), source);
  }

  async typeCheck(): Promise<void> {
    // its findings are on standard output
    const tsc = run('node_modules/.bin/tsc', ['-p', join(this.dir, 'tsconfig.json')]);
    await tsc.catch((error: Error & { stdout?: string }) => {
      throw new Error(error.stdout, { cause: error });
    });
  }

  async run(name: string, prefix: string): Promise<void> {
    await run(process.execPath, [this.prefixed(name, prefix)], { cwd: this.dir, env: this.env() });
  }

  start(name: string, prefix: string): ChildProcess {
    const options = { cwd: this.dir, env: this.env(), stdio: 'ignore' } as const;
    return spawn(process.execPath, [this.prefixed(name, prefix)], options);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Worlds share a broker, so this one's topics and groups have a prefix that the README need not know. */
  private prefixed(name: string, prefix: string): string {
    const file = join(this.dir, `${name}.run.mts`);
    const source = readFileSync(join(this.dir, `${name}.mts`), 'utf8');
    writeFileSync(file, source.replace(/\b(topics?: \[?|groupId: )(['`])/g, `$1$2${prefix}`));
    return file;
  }

  private env(): NodeJS.ProcessEnv {
    return { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1', ...this.environment };
  }
}
