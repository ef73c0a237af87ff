import type { KeyRing } from '@postgang/outside';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** register-lookup's internal side, as far as a dry run sees it: opens the sealed question and answers. */
export class RegisterLookup {
  readonly questions: Record<string, unknown>[] = [];
  answer: unknown = { channel: 'print', provider: 'print', rule: 'reserved' };
  status = 200;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(keys: KeyRing): Promise<RegisterLookup> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const lookup = new RegisterLookup(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { id, question } = JSON.parse(Buffer.concat(chunks).toString()) as { id: string; question: string };
        const opened = keys.open('internal', id, 'way', Buffer.from(question, 'base64'));
        lookup.questions.push(JSON.parse(opened) as Record<string, unknown>);
        response.writeHead(lookup.status, { 'content-type': 'application/json' }).end(JSON.stringify(lookup.answer));
      });
    });
    return lookup;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
