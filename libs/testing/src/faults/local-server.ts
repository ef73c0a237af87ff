import { startServers } from '@postgang/deploy-local';
import { join } from 'node:path';

export type ServerName = 'kafka' | 'postgres' | 'redis';

type Running = Awaited<ReturnType<typeof startServers>>;

export interface LocalServerOptions {
  /** Its data lie in a folder of its own below. */
  readonly dir: string;
  /** Of Kafka: further ports, each with the one it tells its clients to come to. */
  readonly behind?: readonly { readonly port: number; readonly advertised: number }[];
  readonly log?: (line: string) => void;
}

/** Kafka, PostgreSQL or Redis alone, which can be crashed, stopped and started again: it finds its data and has its port. */
export class LocalServer {
  private constructor(
    readonly name: ServerName,
    private readonly options: LocalServerOptions,
    private running: Running | undefined,
    readonly port: number,
  ) {}

  static async start(name: ServerName, options: LocalServerOptions): Promise<LocalServer> {
    const running = await startOne(name, options);
    return new LocalServer(name, options, running, portOf(name, running));
  }

  get url(): string {
    return this.name === 'postgres'
      ? `postgres://postgang@127.0.0.1:${this.port}/postgres`
      : `redis://127.0.0.1:${this.port}`;
  }

  /** No goodbye to anybody, nothing flushed but what was synced. */
  async kill(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    await running?.kill();
  }

  /** In order: connections are ended, data are written. */
  async stop(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    await running?.stop();
  }

  /** Ready when this resolves. Does nothing while it runs. */
  async startAgain(): Promise<void> {
    this.running ??= await startOne(this.name, this.options, this.port);
  }

  /** SIGSTOP: its port takes connections and nobody answers. */
  pause(): void {
    this.running?.pause();
  }

  resume(): void {
    this.running?.resume();
  }
}

const startOne = (name: ServerName, { dir, behind, log }: LocalServerOptions, port?: number): Promise<Running> =>
  startServers({
    dir: join(dir, name),
    keep: true,
    // what was acknowledged must survive a crash, or the run would count our test servers' losses
    durable: true,
    kafka: name === 'kafka',
    postgres: name === 'postgres',
    redis: name === 'redis',
    ...(behind === undefined ? {} : { behind }),
    ...(port === undefined ? {} : { ports: { [name]: port } }),
    ...(log === undefined ? {} : { log }),
  });

function portOf(name: ServerName, { kafka, postgres, redis }: Running): number {
  const url = { kafka: `tcp://${kafka.brokers[0]}`, postgres: postgres.url, redis: redis.url }[name];
  return Number(new URL(url).port);
}
