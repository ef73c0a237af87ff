import { systemClock, type Clock } from '@postgang/outside';
import type { AddressInfo } from 'node:net';
import type { Address } from './address.js';
import { accessPoint } from './access-point/routes.js';
import { SentMessages } from './access-point/accept.js';
import { Inbox } from './access-point/inbox.js';
import { newCounts, type Counts } from './admin/counts.js';
import { Faults, type FaultRequest } from './admin/faults.js';
import { admin } from './admin/routes.js';
import { openCertificates, type Certificates } from './certificates.js';
import { Clients, OPERATOR_SCOPES } from './maskinporten/clients.js';
import { maskinporten } from './maskinporten/routes.js';
import { Tokens } from './maskinporten/tokens.js';
import { People } from './people/people.js';
import { Deliveries } from './providers/deliveries.js';
import type { Verification } from './providers/opening.js';
import { Providers } from './providers/providers.js';
import { Report } from './providers/report.js';
import { ReceiptDesk } from './providers/receipts.js';
import { folkeregisteret } from './registers/folkeregisteret.js';
import { krr } from './registers/krr.js';
import { createServer } from './server.js';
import { SmtpSink } from './smtp-sink.js';

export interface SandboxOptions {
  /** Folder of keys and certificates; made when missing, taken up when there. */
  readonly dir: string;
  /** 0 = a free port. */
  readonly port?: number;
  readonly smtpPort?: number;
  readonly host?: string;
  /** Address the others use, where it is not host and port (containers). */
  readonly publicUrl?: string;
  readonly seed?: number;
  /** Organisation number of the operator: supplier in delegated tokens, technical sender. */
  readonly operator?: string;
  /** Maskinporten client id of the operator. */
  readonly operatorClientId?: string;
  /** Between the steps of a letter's life: received, delivered, opened, returned. */
  readonly receiptDelayMs?: number;
  readonly verification?: Verification;
  /** How many deliveries GET /admin/deliveries remembers. */
  readonly rememberedDeliveries?: number;
  /** Business time: ages in the registers, times in receipts. */
  readonly clock?: Clock;
  /** Real time for tokens and signatures; another one in tests only. */
  readonly tokenClock?: Clock;
}

export interface Sandbox {
  /** Without trailing slash. */
  readonly url: string;
  /** Maskinporten's issuer: `<url>/`. */
  readonly issuer: string;
  readonly smtp: { readonly host: string; readonly port: number };
  readonly dir: string;
  readonly seed: number;
  readonly operator: { readonly organisation: string; readonly clientId: string };
  readonly certificates: Certificates;
  readonly counts: Counts;
  fault(request: Partial<FaultRequest> & Pick<FaultRequest, 'system' | 'mode'>): void;
  stop(): Promise<void>;
}

/** Synthetic (begins with 3), valid modulus 11. */
export const DEFAULT_OPERATOR = '310000019';
export const DEFAULT_CLIENT_ID = 'postgang';

/** Starts all outer systems. Resolves when everything listens; `stop` leaves no timer, port or connection behind. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1';
  const seed = options.seed ?? 1;
  const organisation = options.operator ?? DEFAULT_OPERATOR;
  const clientId = options.operatorClientId ?? DEFAULT_CLIENT_ID;
  const clock = options.clock ?? systemClock;
  const tokenClock = options.tokenClock ?? systemClock;
  const certificates = await openCertificates(options.dir, organisation);
  const { trust, providers: identities } = certificates;

  const counts = newCounts();
  const faults = new Faults();
  const people = new People(seed);
  const clients = new Clients();
  clients.register({ clientId, organisation, scopes: new Set(OPERATOR_SCOPES) });
  const sent = new SentMessages();
  const inbox = new Inbox(counts);
  const deliveries = new Deliveries(options.rememberedDeliveries ?? 10_000);
  const report = new Report();
  const desk = new ReceiptDesk({ identities, inbox, faults, clock, delayMs: options.receiptDelayMs ?? 30 });
  const verification = options.verification ?? { mode: 'full' };
  const providers = new Providers({
    identities,
    trust,
    people,
    desk,
    deliveries,
    report,
    faults,
    clock,
    counts,
    verification,
  });
  const mail = new SmtpSink(counts, faults);

  const address: Address = { url: '' };
  const tokens = new Tokens(certificates.tokenKey, address, tokenClock);

  const app = createServer(faults);
  app.server.once('listening', () => {
    const { port } = app.server.address() as AddressInfo;
    address.url = options.publicUrl?.replace(/\/$/, '') ?? `http://${host}:${port}`;
  });
  maskinporten(app, { tokens, clients, trust, clock: tokenClock, counts });
  krr(app, { address, tokens, people, certificates, clock, counts });
  folkeregisteret(app, { address, tokens, people, counts });
  const deliver = providers.deliver.bind(providers);
  accessPoint(app, { address, tokens, trust, sent, inbox, tokenClock, clock, counts, deliver });
  admin(app, {
    clock,
    operator: organisation,
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
  });

  const smtpPort = await mail.listen(options.smtpPort ?? 0, host);
  try {
    await app.listen({ port: options.port ?? 0, host });
    const { url } = address;
    return {
      url,
      issuer: `${url}/`,
      smtp: { host, port: smtpPort },
      dir: options.dir,
      seed,
      operator: { organisation, clientId },
      certificates,
      counts,
      fault: (request) => faults.set({ percent: 100, status: 503, ms: 1_000, ...request }),
      stop: async () => {
        desk.clear();
        await Promise.all([app.close(), mail.stop()]);
      },
    };
  } catch (error) {
    await mail.stop();
    throw error;
  }
}
