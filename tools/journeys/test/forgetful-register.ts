import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Answer {
  readonly personer: readonly { readonly personidentifikator: string }[];
}

/** Stands before the contact register and leaves one person out of its answers: it answers for everybody else. */
export class ForgetfulRegister {
  /** Base URL of the register behind it; set before anybody asks. */
  behind = '';
  forgotten: string | undefined;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<ForgetfulRegister> {
    const server = createServer((request, response) => {
      pass(register, request).then(
        ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
        // as the register does when it is off: no answer at all
        () => response.socket?.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const register = new ForgetfulRegister(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return register;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function pass(
  { behind, forgotten }: ForgetfulRegister,
  request: IncomingMessage,
): Promise<{ status: number; type: string; body: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { authorization = '', 'content-type': sent } = request.headers;
  const answer = await fetch(behind + (request.url ?? ''), {
    method: request.method ?? 'GET',
    headers: { authorization, accept: 'application/json', ...(sent === undefined ? {} : { 'content-type': sent }) },
    ...(chunks.length === 0 ? {} : { body: new Uint8Array(Buffer.concat(chunks)) }),
  });
  const type = answer.headers.get('content-type') ?? 'application/json';
  const text = await answer.text();
  if (!answer.ok || forgotten === undefined || !(request.url ?? '').endsWith('/personer'))
    return { status: answer.status, type, body: text };
  const { personer } = JSON.parse(text) as Answer;
  const left = personer.filter(({ personidentifikator }) => personidentifikator !== forgotten);
  return { status: answer.status, type, body: JSON.stringify({ personer: left }) };
}
