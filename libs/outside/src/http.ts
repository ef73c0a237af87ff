import { Agent, request, type Dispatcher } from 'undici';
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

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The body as JSON. Throws SyntaxError without quoting the body. */
  json(): unknown;
}

/** No answer: refused, cut, timed out or larger than allowed. `sent`: the request may have reached the other side. */
export class HttpUnreachable extends Error {
  override readonly name = 'HttpUnreachable';
  readonly sent: boolean;

  constructor(client: string, reason: string, sent: boolean, cause?: unknown) {
    super(`${client}: ${reason}`, { cause });
    this.sent = sent;
  }
}

/** An answer came, larger than allowed: asked the same again, it will not fit either. */
export class AnswerTooLarge extends HttpUnreachable {}

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
/** The request cannot have reached the other side when the connection itself failed. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** One outer system: its own connection pool, time limit and size limit. A status never throws; redirects are not followed. */
export class HttpClient {
  readonly name: string;
  private readonly agent: Agent;
  private readonly baseUrl: string;
  private readonly timeoutMs: number;
  private readonly maxResponseBytes: number;

  constructor(options: HttpClientOptions) {
    this.name = options.name;
    this.baseUrl = options.baseUrl.replace(/\/$/, '');
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.maxResponseBytes = options.maxResponseBytes ?? 10 * 1024 * 1024;
    this.agent = new Agent({
      connections: options.concurrency ?? 64,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      keepAliveTimeout: 30_000,
      pipelining: 1,
    });
  }

  async request(call: HttpRequest): Promise<HttpResponse> {
    const timeoutMs = call.timeoutMs ?? this.timeoutMs;
    const signal = AbortSignal.timeout(timeoutMs);
    let answer: Dispatcher.ResponseData;
    try {
      answer = await request(this.baseUrl + call.path + queryString(call.query), {
        dispatcher: this.agent,
        method: call.method,
        // a call for many letters at once belongs to none of their traces, and gets one of its own
        headers: { ...call.headers, traceparent: currentTrace() ?? newTrace() },
        body: call.body ?? null,
        signal,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
    } catch (error) {
      const code = (error as { code?: string }).code ?? (error as Error).name;
      throw new HttpUnreachable(this.name, `no answer (${code})`, !NOT_SENT.has(code), error);
    }
    const body = await this.read(answer);
    return {
      status: answer.statusCode,
      headers: flatten(answer.headers),
      body,
      json: () => parseJson(this.name, body),
    };
  }

  private async read(answer: Dispatcher.ResponseData): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > this.maxResponseBytes) {
          answer.body.destroy();
          throw new AnswerTooLarge(this.name, `answer larger than ${this.maxResponseBytes} bytes`, true);
        }
        chunks.push(chunk);
      }
    } catch (error) {
      if (error instanceof HttpUnreachable) throw error;
      throw new HttpUnreachable(this.name, 'answer cut off', true, error);
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
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

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function parseJson(client: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new SyntaxError(`${client}: the answer is not JSON`);
  }
}
