import { Agent } from 'undici';
import { Exchange, type Answer } from './exchange.js';
import { currentTrace, newTrace } from './trace.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below the client's base URL, beginning with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly timeoutMs?: number;
}

export interface HttpResponse extends Answer {
  /** The body as JSON. Throws SyntaxError without quoting the body. */
  json(): unknown;
}

export interface HttpClientOptions {
  /** Name of the other side in errors and metrics; never its URL, which may hold identifiers. */
  readonly name: string;
  readonly baseUrl: string;
  /** Total time of one call, connection and body included. */
  readonly timeoutMs?: number;
  readonly concurrency?: number;
  readonly maxResponseBytes?: number;
}

const CONNECT_TIMEOUT_MS = 3_000;

/** One outer system: its own connection pool, time limit and size limit. A status never throws; redirects are not followed. */
export class HttpClient {
  readonly name: string;
  private readonly agent: Agent;
  private readonly base: { readonly origin: string; readonly pathname: string };
  private readonly timeoutMs: number;
  private readonly maxResponseBytes: number;

  constructor(options: HttpClientOptions) {
    this.name = options.name;
    const { origin, pathname } = new URL(options.baseUrl);
    this.base = { origin, pathname: pathname.replace(/\/$/, '') };
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.maxResponseBytes = options.maxResponseBytes ?? 10 * 1024 * 1024;
    this.agent = new Agent({
      connections: options.concurrency ?? 64,
      // with HTTP/2 a hundred calls share a connection, and what happens to it
      allowH2: false,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      keepAliveTimeout: 30_000,
      pipelining: 1,
    });
  }

  /** Throws HttpUnreachable. */
  async request(call: HttpRequest): Promise<HttpResponse> {
    const limits = { timeoutMs: call.timeoutMs ?? this.timeoutMs, maxResponseBytes: this.maxResponseBytes };
    const { origin, pathname } = this.base;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const exchange = new Exchange(this.name, limits, resolve, reject);
      this.agent.dispatch(
        {
          origin,
          path: pathname + call.path + queryString(call.query),
          method: call.method,
          // a call for many letters at once belongs to none of their traces, and gets one of its own
          headers: { ...call.headers, traceparent: currentTrace() ?? newTrace() },
          body: call.body ?? null,
          // the exchange has one for the whole
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        exchange,
      );
    });
    return { ...answer, json: () => parseJson(this.name, answer.body) };
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }
}

/** Retry-After in milliseconds (RFC 9110 §10.2.3: seconds or a date), at most an hour. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: Date): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}

function queryString(query: HttpRequest['query']): string {
  if (query === undefined) return '';
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function parseJson(client: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new SyntaxError(`${client}: the answer is not JSON`);
  }
}
