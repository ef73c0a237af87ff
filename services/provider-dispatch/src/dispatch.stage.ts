import { Controller, Inject, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { signingIdentityFromPem } from '@postgang/document-package';
import type { DocumentStore } from '@postgang/document-store';
import { MaskinportenTokens, RedisTokenCache } from '@postgang/maskinporten';
import { HttpClient } from '@postgang/outside';
import { encode } from '@postgang/pipeline';
import { AccessPoint } from '@postgang/providers';
import {
  CONFIG,
  effectCounter,
  EffectLedger,
  publish,
  RUNTIME,
  Stage,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import { createHash } from 'node:crypto';
import type { ProviderDispatchConfig } from './config.js';
import { Dispatcher } from './dispatcher.js';
import { EffectFigures } from './effect-figures.js';
import { VISIBILITY_LAG_MS } from './fates.js';
import { ReceiptPoller } from './receipt-poller.js';

export const DOCUMENTS = Symbol('documents');

/** The stage only queues; others call and publish, so a slow provider holds up no partition. */
@Controller()
export class DispatchStage implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ledger: EffectLedger;
  private readonly figures: EffectFigures;
  private dispatcher: Dispatcher | undefined;
  private poller: ReceiptPoller | undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: ProviderDispatchConfig,
    @Inject(DOCUMENTS) private readonly store: DocumentStore,
  ) {
    this.ledger = new EffectLedger(runtime.database, effectCounter(runtime));
    this.figures = new EffectFigures(runtime, this.ledger);
  }

  async onApplicationBootstrap(): Promise<void> {
    const { runtime, config } = this;
    await this.settleFirst();
    this.figures.start();
    const signer = signingIdentityFromPem(config.OPERATOR_KEY, config.OPERATOR_CHAIN);
    const tokens = new MaskinportenTokens({
      issuer: config.MASKINPORTEN_ISSUER,
      clientId: config.MASKINPORTEN_CLIENT_ID,
      signer,
      http: new HttpClient({
        name: 'maskinporten',
        baseUrl: config.MASKINPORTEN_ISSUER,
        timeoutMs: 5_000,
        // after an outage every letter of a claim may be another agency's, and need a token
        concurrency: 32,
      }),
      ...(runtime.redis === undefined
        ? {}
        : {
            cache: new RedisTokenCache(
              runtime.redis,
              createHash('sha256').update(`token cache ${config.OPERATOR_KEY}`).digest(),
            ),
          }),
    });
    const http = new HttpClient({
      name: 'access-point',
      baseUrl: config.ACCESS_POINT_URL,
      timeoutMs: 30_000,
      // a provider that does not answer takes its lane (128), and up to 32 that ask about its letters
      concurrency: 192,
      maxResponseBytes: 32 * 1024 * 1024,
    });
    const accessPoint = new AccessPoint({
      http,
      tokens,
      signer,
      operator: config.OPERATOR,
      receiptQueue: config.RECEIPT_QUEUE,
    });
    this.dispatcher = new Dispatcher({
      runtime,
      ledger: this.ledger,
      provider: accessPoint,
      store: this.store,
      providers: config.OWNED_PROVIDERS,
    });
    this.poller = new ReceiptPoller(runtime, this.ledger, accessPoint);
  }

  @Stage('letter.dispatch.<provider>.v1', { everyMs: 200 })
  async handle(batch: readonly Received<'letter.dispatch.v1'>[]): Promise<readonly Outcome[]> {
    if (this.dispatcher === undefined) throw new Error('a batch before the start');
    const effects = batch.map(({ event, traceparent, source }) => ({
      id: event.messageId,
      letterId: event.letterId,
      leg: event.leg,
      provider: event.provider,
      lane: event.sender,
      payload: encode('letter.dispatch.v1', event),
      traceparent,
      perhapsDone: source.replayed,
    }));
    const again = effects.filter((_, index) => batch[index]?.redrives !== undefined);
    const reopened = again.length === 0 ? undefined : await this.ledger.reopen(again, VISIBILITY_LAG_MS);
    const others = reopened === undefined ? effects : effects.filter(({ id }) => !reopened.has(id));
    await this.dispatcher.queue(others, batch);
    if (reopened !== undefined) this.dispatcher.wake();
    return batch.map(() => publish());
  }

  /** A restored database does not know what was handed over since the backup: nothing goes out before it has been asked for. */
  private async settleFirst(): Promise<void> {
    if (!(await this.ledger.isMoved()) && !(await this.runtime.isRestored())) return;
    const effects = await this.ledger.doubtAll(VISIBILITY_LAG_MS);
    if (effects > 0)
      this.runtime.log.warn({ effects }, 'the database was restored: what waits for hand-over is asked for first');
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.figures.stop(), this.dispatcher?.stop(), this.poller?.stop()]);
    await this.store.close();
  }
}
