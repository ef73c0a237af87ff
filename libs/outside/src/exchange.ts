import type { Dispatcher } from 'undici';

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

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface ExchangeLimits {
  /** Total time of the call, from being asked for to the end of the answer. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

/** The request cannot have reached the other side when the connection itself failed. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * One request and its whole answer, within a time and a size: a call goes through here several times for every letter, and undici's `request`, with a
 * stream and a signal for each, costs nearly twice as much. Life:
 *
 *   waiting for a connection → begun → head of the answer → end
 */
export class Exchange implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | undefined;
  private head: { readonly status: number; readonly headers: Answer['headers'] } | undefined;
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private over = false;
  private readonly timer: NodeJS.Timeout;

  /** By name of the other side. One of `resolve` and `reject` is called, once; the error is HttpUnreachable. */
  constructor(
    private readonly client: string,
    private readonly limits: ExchangeLimits,
    private readonly resolve: (answer: Answer) => void,
    private readonly reject: (error: HttpUnreachable) => void,
  ) {
    this.timer = setTimeout(() => this.giveUp(), limits.timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // its time was over while it waited for a connection, and whoever asked has been told so
    if (this.over) controller.abort(new Error('too late'));
    else this.controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status >= 200) this.head = { status, headers: flatten(headers) };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    const { maxResponseBytes } = this.limits;
    if (this.size > maxResponseBytes)
      controller.abort(new AnswerTooLarge(this.client, `answer larger than ${maxResponseBytes} bytes`, true));
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { chunks, head } = this;
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    if (head !== undefined) this.end(() => this.resolve({ ...head, body }));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const begun = this.controller !== undefined;
    this.end(() => this.reject(error instanceof HttpUnreachable ? error : this.unreachable(error, begun)));
  }

  private end(tell: () => void): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    tell();
  }

  private giveUp(): void {
    const late = Object.assign(new Error('time is over'), { code: 'TimeoutError' });
    if (this.controller === undefined) this.end(() => this.reject(this.unreachable(late, false)));
    else this.controller.abort(late);
  }

  private unreachable(error: Error, begun: boolean): HttpUnreachable {
    const code = (error as { code?: string }).code ?? error.name;
    const reason = this.head === undefined ? `no answer (${code})` : 'answer cut off';
    return new HttpUnreachable(this.client, reason, begun && !NOT_SENT.has(code), error);
  }
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
