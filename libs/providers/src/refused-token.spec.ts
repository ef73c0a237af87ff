import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { TestAuthority, type SigningIdentity } from '@postgang/document-package';
import type { MaskinportenTokens, Token, TokenWish } from '@postgang/maskinporten';
import { HttpClient } from '@postgang/outside';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AccessPoint } from './access-point.js';
import type { Handover } from './provider.js';

const AGENCY = '991825827';
const OPERATOR = '987464291';

let signer: SigningIdentity;
let server: Server | undefined;
let http: HttpClient | undefined;
const shown: string[] = [];
const discarded: string[] = [];

beforeAll(async () => {
  signer = await (await TestAuthority.create()).issue(OPERATOR, 'Operatøren');
}, 30_000);
afterEach(async () => {
  await http?.close();
  server?.close();
});

/** Knows one good token; `held` is what is shown until it is discarded, as a clock that was set back would have it. */
async function accessPoint(good: string, held: string, next: string): Promise<AccessPoint> {
  shown.length = discarded.length = 0;
  server = createServer((request, response) => {
    const token = String(request.headers.authorization).slice('Bearer '.length);
    shown.push(token);
    request.resume().on('end', () => {
      const status = token !== good ? 401 : request.method === 'POST' ? 201 : 200;
      response.writeHead(status, { 'content-type': 'application/json' }).end('[]');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  http = new HttpClient({
    name: 'access-point',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  const tokens = {
    tokenFor: () => Promise.resolve({ token: discarded.length === 0 ? held : next, expiresAt: new Date() }),
    discard: (_: TokenWish, { token }: Token) => Promise.resolve(void discarded.push(token)),
  } as unknown as MaskinportenTokens;
  return new AccessPoint({ http, tokens, signer, operator: OPERATOR, receiptQueue: 'spec' });
}

const handover = (): Handover => ({
  messageId: randomUUID(),
  conversationId: randomUUID(),
  sender: AGENCY,
  providerOrganisation: '984661185',
  package: Buffer.from('sealed'),
  packageDigest: Buffer.alloc(32).toString('base64'),
  content: {
    channel: 'digital',
    mailboxAddress: 'kari.proeve#1234',
    securityLevel: 4,
    nonSensitiveTitle: 'Brev',
    language: 'nb',
    openingReceipt: false,
  },
});

it('a letter whose token is refused goes with a new one at once, and its agency is not blamed', async () => {
  const provider = await accessPoint('fresh', 'old', 'fresh');
  expect(await provider.send(handover())).toEqual({ kind: 'handed-over' });
  expect(shown).toEqual(['old', 'fresh']);
  expect(discarded).toEqual(['old']);
});

it('an agency whose new token is refused as well waits, and is asked no third time', async () => {
  const provider = await accessPoint('none of them', 'old', 'new');
  expect(await provider.send(handover())).toEqual({ kind: 'sender-blocked', reason: 'status-401', asked: true });
  expect(shown).toEqual(['old', 'new']);
});

it('questions and receipts are asked for with a new token, too', async () => {
  expect(await (await accessPoint('fresh', 'old', 'fresh')).settle(randomUUID(), AGENCY)).toEqual({
    kind: 'unknown-there',
  });
  server?.close();
  await http?.close();
  expect(await (await accessPoint('fresh', 'old', 'fresh')).fetchReceipts(1, 10)).toEqual([]);
  expect(shown).toEqual(['old', 'fresh']);
});
