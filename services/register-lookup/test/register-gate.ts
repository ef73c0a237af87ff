import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `cut`: the connection ends without an answer. `silent`: nothing ever comes. */
export type Scripted = { readonly status: number; readonly body: string } | 'cut' | 'silent';

export interface Call {
  readonly path: string;
  /** The agency in the bearer token. */
  readonly sender: string;
  readonly ids: readonly string[];
}

interface RegisterAnswer {
  personer: Record<string, unknown>[];
}

/** Stands before the simulated registers, counts what is asked, and answers wrongly when told to: the sandbox itself never answers rubbish. */
export class RegisterGate {
  readonly calls: Call[] = [];
  /** Says what is answered instead of the register's own answer; undefined lets the call through. */
  instead: (call: Call) => Scripted | undefined = () => undefined;
  /** Alters what the contact register answers. */
  alter: (answer: RegisterAnswer) => RegisterAnswer = (answer) => answer;
  private readonly server: Server;

  constructor(private readonly register: string) {
    this.server = createServer((request, response) => {
      this.handle(request, response).catch(() => response.destroy());
    });
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  reset(): void {
    this.calls.length = 0;
    this.instead = () => undefined;
    this.alter = (answer) => answer;
  }

  get lookups(): readonly Call[] {
    return this.calls.filter(({ path }) => path === '/rest/v2/personer');
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const asked = text === '' ? {} : (JSON.parse(text) as Record<string, string[]>);
    const authorization = request.headers.authorization ?? '';
    const call: Call = {
      path: request.url ?? '',
      sender: senderIn(authorization),
      ids: asked['personidentifikatorer'] ?? asked['foedselsEllerDNummer'] ?? [],
    };
    this.calls.push(call);
    const scripted = this.instead(call);
    if (scripted === 'cut') return void response.destroy();
    if (scripted === 'silent') return;
    if (scripted !== undefined) {
      response.writeHead(scripted.status, { 'content-type': 'application/json' }).end(scripted.body);
      return;
    }
    const answer = await fetch(this.register + call.path, {
      method: request.method ?? 'GET',
      headers: { authorization, 'content-type': 'application/json' },
      ...(text === '' ? {} : { body: text }),
    });
    const body = await answer.text();
    const altered =
      call.path === '/rest/v2/personer' && answer.ok
        ? JSON.stringify(this.alter(JSON.parse(body) as RegisterAnswer))
        : body;
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(altered);
  }
}

function senderIn(authorization: string): string {
  const payload = authorization.split('.')[1];
  if (payload === undefined) return '';
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { consumer?: { ID?: string } };
  return claims.consumer?.ID?.split(':')[1] ?? '';
}
