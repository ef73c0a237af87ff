import { Controller, Inject } from '@nestjs/common';
import { signingIdentityFromPem } from '@postgang/document-package';
import { MaskinportenTokens } from '@postgang/maskinporten';
import { HttpClient } from '@postgang/outside';
import { eventIdOf } from '@postgang/pipeline';
import { ContactRegister } from '@postgang/registers';
import { serviceMessage, type RegisterEntry } from '@postgang/rules';
import {
  CONFIG,
  ConsumedOffsets,
  draft,
  failed,
  publish,
  RUNTIME,
  Stage,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import type { NotificationConfig } from './config.js';
import { intend, record, type SendOutcome } from './db/effects.js';
import { Mailer } from './mailer.js';

/**
 * Service messages by e-mail, at most once. Life of one:
 *
 *   (no row) → intended → sent | no-address | refused | uncertain
 *
 * The row `intended` is committed before the mail server is called. Whoever finds it there later cannot know whether the mail went out; it is
 * told as uncertain and never sent again.
 */
@Controller()
export class NotificationStage {
  private readonly contacts: ContactRegister;
  private readonly mailer: Mailer;

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
  }

  @Stage('letter.notify.v1', { maxBatch: 100 })
  async handle(batch: readonly Received<'letter.notify.v1'>[]): Promise<readonly Outcome[]> {
    const asked = batch.map(({ event }) => ({
      nationalId: this.runtime.keys.open('internal', event.letterId, 'recipient', event.recipient),
      sender: event.sender,
    }));
    // a fresh look-up for every message (eForvaltningsforskriften §29: the register is asked, not copied); first, so that it may fail
    const entries = await this.contacts.lookup(asked);
    const ready = batch.filter((_, index) => !(entries[index] instanceof Error));
    const known = await intend(
      this.runtime.database,
      ready.map(({ event }) => event),
    );
    const outcomes = await Promise.all(
      batch.map(async ({ event }, index): Promise<SendOutcome | undefined> => {
        const entry = entries[index] as RegisterEntry | Error;
        if (entry instanceof Error) return undefined;
        const earlier = known.get(event.letterId);
        if (earlier !== undefined)
          return earlier === 'intended'
            ? { outcome: 'UNCERTAIN', reason: 'interrupted' }
            : { outcome: earlier, reason: null };
        const message = serviceMessage(event.sender, [entry.language, event.language]);
        return entry.email === undefined
          ? { outcome: 'NO_ADDRESS', reason: null }
          : this.mailer.send(entry.email.value, message, eventIdOf(event.letterId, 'notification', 'mail', event.leg));
      }),
    );
    const at = this.runtime.clock.now().getTime();
    await this.runtime.database.transaction(async (manager) => {
      await record(
        manager,
        batch.flatMap(({ event }, index) =>
          outcomes[index] === undefined
            ? []
            : [{ letterId: event.letterId, leg: event.leg, outcome: outcomes[index].outcome }],
        ),
      );
      await ConsumedOffsets.save(manager, batch);
    });
    return batch.map(({ event, key }, index) => {
      const sent = outcomes[index];
      if (sent === undefined) return failed(entries[index]);
      return publish(
        draft('recipient.notified.v1', key, {
          letterId: event.letterId,
          leg: event.leg,
          medium: 'EMAIL',
          outcome: sent.outcome,
          reason: sent.reason,
          at,
        }),
      );
    });
  }
}
