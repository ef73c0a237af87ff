import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { testServers } from '@postgang/testing';

const here = import.meta.dirname;

/** The service of `stage.child.ts` in a process of its own, and all that it has written. */
export interface Child {
  readonly process: ChildProcess;
  output(): string;
  /** Exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>;
}

export function startChild(how: string, prefix: string, settings: Readonly<Record<string, string>> = {}): Child {
  const node = ['--conditions=source', '--no-warnings', '--import', resolve(here, 'run-typescript.mjs')];
  const child = spawn(process.execPath, [...node, resolve(here, 'stage.child.ts'), how], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      POSTGANG_TEST_KAFKA: process.env['POSTGANG_TEST_KAFKA'],
      POSTGANG_ENVIRONMENT: 'test',
      KAFKA_BROKERS: testServers().brokers.join(','),
      KAFKA_SESSION_MS: '6000',
      TOPIC_PREFIX: prefix,
      ...settings,
    },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    process: child,
    output: () => output,
    ended: async () => {
      const [code, signal] = await ended;
      return code ?? (signal as NodeJS.Signals);
    },
  };
}
