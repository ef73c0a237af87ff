import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

type Mode = 'open' | 'cut' | 'half-open';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Nothing comes through any more, and nobody is told. */
  dead: boolean;
}

/**
 * Stands between a client and a server on the loopback address and does to their connections what networks do. What strikes, strikes the
 * connections there are and, until `heal`, those that come.
 *
 * cut         connections are reset, new ones too
 * half-open   connections stay, and nothing comes through: the other side has vanished without a word. New ones connect to nobody. Those that
 *             were struck stay dead after `heal`, as they would outside; only new ones work
 * slow        everything arrives so many milliseconds later, in order
 */
export class TcpProxy {
  private mode: Mode = 'open';
  private latencyMs = 0;
  private readonly pairs = new Set<Pair>();
  private readonly timers = new Set<NodeJS.Timeout>();

  private constructor(
    private readonly listener: Server,
    readonly port: number,
    /** Where it leads; may change, for instance when a server is started again on another port. */
    public upstreamPort: number,
  ) {}

  /** `port` 0 = a free one. */
  static async start(upstreamPort: number, port = 0): Promise<TcpProxy> {
    const listener = createServer({ allowHalfOpen: true });
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
    const proxy = new TcpProxy(listener, (listener.address() as AddressInfo).port, upstreamPort);
    listener.on('connection', (client) => proxy.accept(client));
    return proxy;
  }

  get connections(): number {
    return this.pairs.size;
  }

  cut(): void {
    this.mode = 'cut';
    for (const pair of this.pairs) reset(pair);
  }

  halfOpen(): void {
    this.mode = 'half-open';
    for (const pair of this.pairs) silence(pair);
  }

  slow(ms: number): void {
    this.latencyMs = ms;
  }

  heal(): void {
    this.mode = 'open';
    this.latencyMs = 0;
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    for (const pair of this.pairs) reset(pair);
    this.listener.close();
    await once(this.listener, 'close');
  }

  private accept(client: Socket): void {
    if (this.mode === 'cut') {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.upstreamPort, host: '127.0.0.1', allowHalfOpen: true });
    const pair: Pair = { client, server, dead: false };
    this.pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => (pair.dead ? undefined : reset(pair)));
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) this.pairs.delete(pair);
      });
    }
    this.pipe(pair, client, server);
    this.pipe(pair, server, client);
    if (this.mode === 'half-open') silence(pair);
  }

  /** Not `pipe`: what is held up by latency must keep its order and may not be lost when the latency ends. */
  private pipe(pair: Pair, from: Socket, to: Socket): void {
    let heldUntil = 0;
    const later = (work: () => void): void => {
      const due = Math.max(heldUntil, this.latencyMs === 0 ? 0 : performance.now() + this.latencyMs);
      const wait = due - performance.now();
      if (wait <= 0) return work();
      heldUntil = due;
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        work();
      }, wait);
      this.timers.add(timer);
    };
    from.on('data', (bytes) => {
      if (pair.dead) return;
      later(() => {
        if (pair.dead || to.destroyed) return;
        if (to.write(bytes)) return;
        from.pause();
        to.once('drain', () => from.resume());
      });
    });
    from.on('end', () => (pair.dead ? from.destroy() : later(() => !pair.dead && to.end())));
  }
}

function reset({ client, server }: Pair): void {
  resetOne(client);
  resetOne(server);
}

function resetOne(socket: Socket): void {
  if (socket.destroyed) return;
  // Node cannot reset one whose end is on its way, and then leaves it open for ever
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}

/** The server's side is reset, as a server's own keep-alive would in time; the client is left with an open connection to nobody. */
function silence(pair: Pair): void {
  pair.dead = true;
  resetOne(pair.server);
}
