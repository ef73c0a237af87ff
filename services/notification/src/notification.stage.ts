import { Controller, Inject } from '@nestjs/common';
import { signingIdentityFromPem } from '@postgang/document-package';
import { MaskinportenTokens } from '@postgang/maskinporten';
import { Barred, DependencyDown, HttpClient, TransientError } from '@postgang/outside';
import { eventIdOf, type LetterNotify } from '@postgang/pipeline';
import { ContactRegister, RegisterDenied } from '@postgang/registers';
import type { RegisterEntry } from '@postgang/rules';
import {
  CONFIG,
  draft,
  effectCounter,
  failed,
  publish,
  RUNTIME,
  Stage,
  type CountedAs,
  type OnCounted,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import type { NotificationConfig } from './config.js';
import { IN_HAND_MS, intend, record, type Ended, type Intention, type NotifyEnd } from './db/effects.js';
import type { MailEnd } from './mail-server.js';
import { Mailer, type Mail } from './mailer.js';
import { mailTo } from './mail-to.js';

/** No mail is given to the server later than this after its intention: well before anybody else may take it for interrupted (IN_HAND_MS). */
const SENDING_MS = 120_000;

const SMTP = 'smtp';
const COUNTED_AS: Readonly<Record<NotifyEnd, CountedAs>> = {
  SENT: 'handed-over',
  REFUSED: 'refused',
  UNCERTAIN: 'uncertain',
  // of no mail
  NO_ADDRESS: 'put-back',
};

type Known = Ended | Mail | Error;

/**
 * Service messages by e-mail, at most once. Life of one:
 *
 *   (no row) → intended ─→ SENT | NO_ADDRESS | REFUSED | UNCERTAIN
 *       ↑          │
 *       └──────────┘ certainly not sent: server away, or a passing no
 *
 * What was perhaps sent before the database was restored begins as UNCERTAIN.
 *
 * The row `intended` is committed before the mail server is called. Whoever finds one that nobody can have in hand any more cannot know whether
 * the mail went out: SMTP has nothing to ask. It is told as uncertain and never sent again. What was told once is told again from the row.
 */
@Controller()
export class NotificationStage {
  private readonly contacts: ContactRegister;
  private readonly mailer: Mailer;
  private readonly counted: OnCounted;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) config: NotificationConfig,
  ) {
    const tokens = new MaskinportenTokens({
      issuer: config.MASKINPORTEN_ISSUER,
      clientId: config.MASKINPORTEN_CLIENT_ID,
      signer: signingIdentityFromPem(config.OPERATOR_KEY, config.OPERATOR_CHAIN),
      http: new HttpClient({ name: 'maskinporten', baseUrl: config.MASKINPORTEN_ISSUER, timeoutMs: 5_000 }),
    });
    this.contacts = new ContactRegister(
      new HttpClient({ name: 'krr', baseUrl: config.KRR_URL, timeoutMs: 8_000 }),
      tokens,
    );
    this.mailer = new Mailer(config);
    this.counted = effectCounter(runtime);
  }

  @Stage('letter.notify.v1', { maxBatch: 40 })
  async handle(batch: readonly Received<'letter.notify.v1'>[]): Promise<readonly Outcome[]> {
    const events = batch.map(({ event }) => event);
    const entries = await this.lookUp(events);
    // before the intentions: they are in hand for no shorter time than counted here
    const until = performance.now() + SENDING_MS;
    const answered = batch.flatMap(({ event, source }, index) =>
      entries[index] instanceof Error ? [] : [{ event, perhapsSent: source.replayed }],
    );
    const { intentions, suppressed } = await intend(this.runtime.database, answered, this.runtime.clock.now());
    this.counted('record-suppressed', SMTP, suppressed);
    this.counted('intended', SMTP, [...intentions.values()].filter((one) => one === 'mine').length);
    const known = events.map((event, index) => {
      const entry = entries[index] as RegisterEntry | Error;
      return entry instanceof Error ? entry : this.plan(event, entry, intentions.get(event.letterId) as Intention);
    });
    const results = await this.send(known, until);
    const away = results.find((result) => result instanceof DependencyDown);
    const ends = events.flatMap(({ letterId, leg }, index) => {
      const result = results[index] as Ended | Error;
      return result instanceof Error ? [] : [{ letterId, leg, ...result }];
    });
    const notSent = events.filter((_, index) => isMail(known[index]) && results[index] instanceof Error);
    // a batch that is delivered again keeps its offsets, and what has come to an end in it is told from the rows then
    await record(this.runtime.database, ends, notSent, away === undefined ? batch : undefined);
    this.counted('put-back', SMTP, notSent.length);
    known.forEach((one, index) => {
      const result = results[index] as Ended | Error;
      if (isMail(one) && !(result instanceof Error)) this.counted(COUNTED_AS[result.outcome], SMTP, 1);
    });
    if (away !== undefined) throw away;
    return batch.map(({ event, key }, index) => {
      const result = results[index] as Ended | Error;
      return result instanceof Error ? failed(result) : publish(notified(event, key, result));
    });
  }

  /** A fresh look-up for every message (eForvaltningsforskriften §29: the register is asked, not copied); first, so that it may fail. */
  private async lookUp(events: readonly LetterNotify[]): Promise<readonly (RegisterEntry | Error)[]> {
    const entries = await this.contacts.lookup(
      events.map(({ letterId, sender, recipient }) => ({
        nationalId: this.runtime.keys.open('internal', letterId, 'recipient', recipient),
        sender,
      })),
    );
    return entries.map((entry) =>
      entry instanceof RegisterDenied
        ? new Barred('the agency may not ask the contact register', { cause: entry })
        : entry,
    );
  }

  private plan(event: LetterNotify, entry: RegisterEntry, intention: Intention): Known {
    if (intention === 'elsewhere') return new TransientError('in hand elsewhere', { retryAfterMs: IN_HAND_MS });
    if (intention !== 'mine') return intention;
    const mail = mailTo(event, entry);
    if ('none' in mail) return { outcome: 'NO_ADDRESS', reason: mail.none, at: this.runtime.clock.now() };
    return { ...mail, id: eventIdOf(event.letterId, 'notification', 'mail', event.leg) };
  }

  private async send(known: readonly Known[], until: number): Promise<readonly (Ended | Error)[]> {
    const ends = (await this.mailer.send(known.filter(isMail), until)).values();
    return known.map((one) => (isMail(one) ? this.resultOf(ends.next().value as MailEnd) : one));
  }

  private resultOf(end: MailEnd): Ended | Error {
    const at = this.runtime.clock.now();
    switch (end.end) {
      case 'sent':
        return { outcome: 'SENT', reason: null, at };
      case 'refused':
        return { outcome: 'REFUSED', reason: end.reason, at };
      case 'uncertain':
        return { outcome: 'UNCERTAIN', reason: end.reason, at };
      case 'later':
        return new TransientError(end.reason);
      // the mailer has told whom it was about
      case 'silent':
      case 'away':
        return new DependencyDown('smtp', { cause: new Error('the mail server is away') });
    }
  }
}

const isMail = (known: Known | undefined): known is Mail => known !== undefined && 'address' in known;

const notified = (event: LetterNotify, key: string, { outcome, reason, at }: Ended) =>
  draft('recipient.notified.v1', key, {
    letterId: event.letterId,
    leg: event.leg,
    medium: 'EMAIL',
    outcome,
    reason,
    at: at.getTime(),
  });
