import type { Clock } from '@postgang/outside';
import { isUuid } from '@postgang/pipeline';
import type { FastifyInstance } from 'fastify';
import type { X509Certificate } from 'node:crypto';
import type { Address } from '../address.js';
import { countOne, type Counts } from '../admin/counts.js';
import { bearerOf, type Bearer } from '../bearer.js';
import { organisationIn, type Tokens } from '../maskinporten/tokens.js';
import { Problem } from '../problems.js';
import { acceptMessage, type SentMessages } from './accept.js';
import type { Inbox } from './inbox.js';
import type { AcceptedLetter } from './letter.js';
import { readParts } from './multipart.js';

export interface AccessPointParts {
  readonly address: Address;
  readonly tokens: Tokens;
  readonly trust: readonly X509Certificate[];
  readonly sent: SentMessages;
  readonly inbox: Inbox;
  readonly tokenClock: Clock;
  readonly clock: Clock;
  readonly counts: Counts;
  /** Corner 4 takes over. */
  readonly deliver: (letter: AcceptedLetter) => void;
}

const SCOPES = ['digitalpostinnbygger:send'];
const QUEUE = /^[a-zA-Z0-9_-]{1,28}$/;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

/** The access point of the sender (Peppol corner 2), as `corner2-openapi.yaml` publishes it. */
export function accessPoint(app: FastifyInstance, parts: AccessPointParts): void {
  const { address, tokens, trust, sent, inbox, tokenClock, clock, counts, deliver } = parts;
  const config = { system: 'access-point' } as const;
  const bearer = (request: Parameters<typeof bearerOf>[0]): Promise<Bearer> =>
    bearerOf(request, tokens, address.url, SCOPES);

  app.post<{ Querystring: { kanal?: unknown } }>('/messages/out', { config }, async (request, reply) => {
    try {
      const caller = await bearer(request);
      const queue = queueIn(request.query.kanal);
      if (!Buffer.isBuffer(request.body)) throw new Problem('invalid-multipart');
      const outgoing = readParts(request.body, request.headers['content-type']);
      const letter = acceptMessage(outgoing, caller, queue, trust, tokenClock.now());
      sent.add(letter, clock.now());
      counts.messages.accepted++;
      counts.messages.byKind[letter.type]++;
      deliver(letter);
      return await reply.code(201).send();
    } catch (error) {
      if (error instanceof Problem) countOne(counts.messages.refused, error.problem);
      throw error;
    }
  });

  app.get<{ Params: { id: string } }>('/messages/out/:id/statuses', { config }, async (request) => {
    const caller = await bearer(request);
    if (!isUuid(request.params.id)) throw new Problem('invalid-request', 'id is not a UUID');
    return sent.statuses(request.params.id, technicalSenderOf(caller));
  });

  app.get<{ Querystring: Record<string, unknown> }>('/messages/in', { config }, async (request, reply) => {
    const caller = await bearer(request);
    const { kanal, avsenderidentifikator, page_size: size, page } = request.query;
    const queue = queueIn(kanal);
    const found = inbox.page({
      technicalSender: technicalSenderOf(caller),
      ...(queue === undefined ? {} : { queue }),
      ...(typeof avsenderidentifikator === 'string' ? { senderUnit: avsenderidentifikator } : {}),
      pageSize: Math.min(whole(size, DEFAULT_PAGE), MAX_PAGE),
      page: whole(page, 1),
    });
    if (found.length === 0) return reply.code(204).send();
    return found.map(({ id, jws }) => ({ forretningsmelding: jws, downloadurl: `${address.url}/messages/in/${id}` }));
  });

  app.get<{ Params: { id: string } }>('/messages/in/:id', { config }, async (request) => {
    const caller = await bearer(request);
    inbox.find(request.params.id, technicalSenderOf(caller));
    // version 1.0.0 carries receipts only, and a receipt has no package
    throw new Problem('not-found', 'a receipt has no dokumentpakke');
  });

  app.post<{ Params: { id: string } }>('/messages/in/:id/read', { config }, async (request, reply) => {
    const caller = await bearer(request);
    inbox.read(request.params.id.toLowerCase(), technicalSenderOf(caller));
    return reply.code(200).send();
  });
}

/** Receipts belong to the technical sender: the supplier of a delegated token, else its consumer. */
const technicalSenderOf = ({ claims }: Bearer): string => organisationIn(claims.supplier ?? claims.consumer);

/** Upper and lower case are the same queue. */
function queueIn(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !QUEUE.test(value)) throw new Problem('invalid-queue');
  return value.toLowerCase();
}

function whole(value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'string' || !/^[1-9]\d{0,5}$/.test(value)) throw new Problem('invalid-page');
  return Number(value);
}
