import type { Clock } from '@postgang/outside';
import { isOrganisationNumber } from '@postgang/rules';
import type { FastifyInstance } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { SentMessages } from '../access-point/accept.js';
import type { Inbox } from '../access-point/inbox.js';
import type { Certificates } from '../certificates.js';
import { AGENCY_SCOPES, OPERATOR_SCOPES, type Clients } from '../maskinporten/clients.js';
import type { Tokens } from '../maskinporten/tokens.js';
import { SCRIPTED } from '../people/scripted.js';
import { Problem } from '../problems.js';
import type { ReceiptDesk } from '../providers/receipts.js';
import type { Deliveries } from '../providers/deliveries.js';
import type { Report } from '../providers/report.js';
import type { SmtpSink } from '../smtp-sink.js';
import { newCounts, type Counts } from './counts.js';
import { faultRequest, type Faults } from './faults.js';

export interface AdminParts {
  readonly clock: Clock;
  readonly operator: string;
  readonly certificates: Certificates;
  readonly clients: Clients;
  readonly tokens: Tokens;
  readonly sent: SentMessages;
  readonly desk: ReceiptDesk;
  readonly inbox: Inbox;
  readonly deliveries: Deliveries;
  readonly report: Report;
  readonly mail: SmtpSink;
  readonly faults: Faults;
  readonly counts: Counts;
}

const organisation = z.string().refine(isOrganisationNumber, 'not an organisation number');
const name = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^,=+"\\<>;#]+$/);
const scopes = z.array(z.string().min(1).max(100)).min(1).max(50);
const limit = z.coerce.number().int().min(1).max(1_000).default(100);
const jwk = z.looseObject({ kid: z.string().min(1), kty: z.literal('RSA'), n: z.string(), e: z.string() });

const certificateRequest = z.strictObject({ organisation, name: name.default('Virksomhet') });
/** `since`: now, if it is not said. */
const revocationRequest = z.strictObject({ organisation, since: z.iso.datetime().optional() });
const agenciesRequest = z.strictObject({ agencies: z.array(organisation).min(1).max(10_000) });
const clientRequest = z.strictObject({
  organisation,
  clientId: z.string().min(1).max(100).optional(),
  scopes: scopes.default([...AGENCY_SCOPES]),
  /** Public keys the client signs with. Without them it signs with its virksomhetssertifikat. */
  jwks: z.strictObject({ keys: z.array(jwk).min(1).max(5) }).optional(),
});
const delegationRequest = z.strictObject({
  consumer: organisation,
  supplier: organisation.optional(),
  scopes: scopes.default([...OPERATOR_SCOPES]),
});
const tokenRequest = z.strictObject({
  organisation,
  scope: z.string().min(1).max(500).default(AGENCY_SCOPES.join(' ')),
  audience: z.string().min(1).max(500).optional(),
});

/** Postgang's own knobs; none of this exists at the real systems. Bound to this machine unless configured otherwise. */
export function admin(app: FastifyInstance, parts: AdminParts): void {
  const {
    clock,
    operator,
    certificates,
    clients,
    tokens,
    sent,
    desk,
    inbox,
    deliveries,
    report,
    mail,
    faults,
    counts,
  } = parts;
  const becomeAgency = (agency: string): void => clients.delegate(agency, operator, OPERATOR_SCOPES);

  app.get('/admin/counts', () => ({
    ...counts,
    messages: {
      ...counts.messages,
      distinctMessageIds: sent.distinctMessageIds,
      distinctConversations: sent.distinctConversations,
    },
    receipts: { ...counts.receipts, waiting: inbox.waiting },
  }));

  app.get('/admin/conversations', () => ({
    conversations: [...sent.byConversation()].map(([id, messages]) => [id, messages, inbox.lostOf(id)]),
  }));

  app.get('/admin/people', () =>
    SCRIPTED.map((person) => ({
      nationalId: person.nationalId,
      case: person.case,
      name: `${person.firstName} ${person.lastName}`,
      story: person.story,
    })),
  );

  app.get('/admin/deliveries', (request) => {
    const query = parse(
      z.strictObject({ conversationId: z.uuid().optional(), messageId: z.uuid().optional(), limit }),
      request.query,
    );
    return deliveries.find({
      limit: query.limit,
      ...(query.conversationId === undefined ? {} : { conversationId: query.conversationId }),
      ...(query.messageId === undefined ? {} : { messageId: query.messageId }),
    });
  });

  app.get('/admin/report', (_request, reply) =>
    reply.type('text/csv; charset=utf-8').send(Readable.from(report.csv())),
  );

  app.get('/admin/mail', (request) => {
    const query = parse(z.strictObject({ to: z.string().optional(), limit }), request.query);
    return mail.list({ limit: query.limit, ...(query.to === undefined ? {} : { to: query.to }) });
  });

  app.get('/admin/faults', () => faults.list());

  app.post('/admin/faults', (request, reply) => {
    for (const fault of [request.body].flat()) faults.set(parse(faultRequest, fault));
    return reply.code(204).send();
  });

  app.post('/admin/reset', (_request, reply) => {
    Object.assign(counts, newCounts());
    for (const part of [sent, desk, inbox, deliveries, report, mail, faults]) part.clear();
    return reply.code(204).send();
  });

  app.post('/admin/agencies', (request, reply) => {
    for (const agency of parse(agenciesRequest, request.body).agencies) becomeAgency(agency);
    return reply.code(204).send();
  });

  app.post('/admin/certificates', async (request, reply) => {
    const wanted = parse(certificateRequest, request.body);
    return reply.code(201).send(await certificates.issue(wanted.organisation, wanted.name));
  });

  app.post('/admin/revocations', async (request, reply) => {
    const wanted = parse(revocationRequest, request.body);
    if (!certificates.providers.has(wanted.organisation)) throw new Problem('not-found');
    const since = wanted.since === undefined ? clock.now() : new Date(wanted.since);
    await certificates.revoke(wanted.organisation, since);
    return reply.code(201).send({ organisation: wanted.organisation, since: since.toISOString() });
  });

  app.post('/admin/clients', (request, reply) => {
    const wanted = parse(clientRequest, request.body);
    const clientId = wanted.clientId ?? `client-${wanted.organisation}`;
    clients.register({
      clientId,
      organisation: wanted.organisation,
      scopes: new Set(wanted.scopes),
      ...(wanted.jwks === undefined ? {} : { keys: wanted.jwks.keys }),
    });
    becomeAgency(wanted.organisation);
    return reply
      .code(201)
      .send({ clientId, organisation: wanted.organisation, scopes: wanted.scopes, issuer: tokens.issuer });
  });

  app.post('/admin/delegations', (request, reply) => {
    const { consumer, supplier, scopes: granted } = parse(delegationRequest, request.body);
    clients.delegate(consumer, supplier ?? operator, granted);
    return reply.code(204).send();
  });

  app.delete('/admin/delegations', (request, reply) => {
    const { consumer, supplier, scopes: revoked } = parse(delegationRequest, request.body);
    clients.revoke(consumer, supplier ?? operator, revoked);
    return reply.code(204).send();
  });

  // a token without a grant, for trying things out with curl
  app.post('/admin/tokens', async (request, reply) => {
    const wanted = parse(tokenRequest, request.body);
    const token = await tokens.issue({
      clientId: `client-${wanted.organisation}`,
      amr: 'virksomhetssertifikat',
      scope: wanted.scope,
      consumer: wanted.organisation,
      ...(wanted.audience === undefined ? {} : { audience: [wanted.audience] }),
    });
    return reply.code(201).send({ access_token: token });
  });
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Problem('invalid-request', `${issue?.path.join('/') ?? ''}: ${issue?.message ?? ''}`);
}
