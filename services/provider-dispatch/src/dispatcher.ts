import type { DocumentStore } from '@postgang/document-store';
import { PermanentError } from '@postgang/outside';
import { decode, uuidv5 } from '@postgang/pipeline';
import type { Provider, SendResult, SettleResult } from '@postgang/providers';
import { REFUSALS } from '@postgang/rules';
import {
  classifyDatabaseError,
  draft,
  startWorker,
  type Draft,
  type Effect,
  type EffectLedger,
  type EffectOutcome,
  type Runtime,
  type Worker,
} from '@postgang/runtime';
import { handoverOf } from './handover.js';

const CLAIM = 200;
const CONCURRENT = 48;
/** Longer than a call with its token may take. */
const LEASE_MS = 60_000;
/** How long the access point may take to show a message it took. */
const VISIBILITY_LAG_MS = 10_000;
const BLOCKED_MS = 30_000;
const MOST_ATTEMPTS = 20;

/** Works off the ledger: hands over, settles what is unclear, publishes what came of it. */
export class Dispatcher {
  private readonly workers: Worker[];

  constructor(
    private readonly runtime: Runtime,
    private readonly ledger: EffectLedger,
    private readonly provider: Provider,
    private readonly store: DocumentStore,
  ) {
    this.workers = [
      startWorker('hand-over', 100, () => this.handOver(), runtime.log),
      startWorker('settle', 1_000, () => this.settle(), runtime.log),
      startWorker('publish', 200, () => this.publish(), runtime.log),
    ];
  }

  /** There is something new in the ledger. */
  wake(): void {
    this.workers[0]?.wake();
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  private async handOver(): Promise<boolean> {
    const effects = await this.ledger.claim(CLAIM, LEASE_MS);
    const outcomes = await eachLimited(effects, CONCURRENT, (effect) => this.handOverOne(effect));
    await this.ledger.record(outcomes);
    if (outcomes.length > 0) this.workers[2]?.wake();
    return effects.length === CLAIM;
  }

  private async handOverOne(effect: Effect): Promise<EffectOutcome> {
    try {
      const handover = await handoverOf(effect, this.store, this.runtime.keys);
      return afterSend(effect, await this.provider.send(handover));
    } catch (error) {
      const known = classifyDatabaseError(error);
      this.runtime.log.warn(
        { err: known, letterId: effect.letterId, leg: effect.leg },
        'hand-over failed before the call',
      );
      if (known instanceof PermanentError) return outcome(effect, 'FAILED', 'cannot-be-handed-over');
      return effect.attempts >= MOST_ATTEMPTS
        ? outcome(effect, 'FAILED', 'attempts-exhausted')
        : outcome(effect, 'QUEUED', 'internal', backoff(effect.attempts));
    }
  }

  private async settle(): Promise<boolean> {
    const effects = await this.ledger.claimUncertain(CLAIM, LEASE_MS, VISIBILITY_LAG_MS);
    const outcomes = await eachLimited(effects, CONCURRENT, async (effect) => {
      const { messageId, sender } = decode('letter.dispatch.v1', effect.payload);
      return afterSettle(effect, await this.provider.settle(messageId, sender));
    });
    await this.ledger.record(outcomes);
    if (outcomes.length > 0) this.workers[2]?.wake();
    return effects.length === CLAIM;
  }

  private async publish(): Promise<boolean> {
    const effects = await this.ledger.unpublished(500);
    await this.runtime.publisher.publish(effects.map(draftOf));
    await this.ledger.markPublished(effects.map(({ id }) => id));
    return effects.length === 500;
  }
}

const outcome = (
  effect: Effect,
  state: EffectOutcome['state'],
  reason: string | null,
  waitMs = 0,
  more: { settled?: boolean; free?: boolean } = {},
): EffectOutcome => ({
  id: effect.id,
  fence: effect.fence,
  state,
  reason,
  waitMs,
  settled: more.settled ?? false,
  free: more.free ?? false,
});

const backoff = (attempts: number): number => Math.min(1_000 * 2 ** Math.min(attempts, 10), 600_000);

export function afterSend(effect: Effect, result: SendResult): EffectOutcome {
  switch (result.kind) {
    case 'handed-over':
      return outcome(effect, 'HANDED_OVER', null);
    case 'refused':
      return outcome(effect, 'REFUSED', result.reason);
    case 'uncertain':
      return outcome(effect, 'UNCERTAIN', result.reason, VISIBILITY_LAG_MS);
    case 'sender-blocked':
      return outcome(effect, 'QUEUED', result.reason, BLOCKED_MS, { free: true });
    case 'retry':
      return effect.attempts >= MOST_ATTEMPTS
        ? outcome(effect, 'FAILED', result.reason)
        : outcome(effect, 'QUEUED', result.reason, Math.max(result.waitMs, backoff(effect.attempts)));
  }
}

export function afterSettle(effect: Effect, result: SettleResult): EffectOutcome {
  switch (result.kind) {
    case 'handed-over':
      return outcome(effect, 'HANDED_OVER', null, 0, { settled: true });
    case 'refused':
      return outcome(effect, 'REFUSED', result.reason, 0, { settled: true });
    case 'unknown-there':
      return effect.attempts >= MOST_ATTEMPTS
        ? outcome(effect, 'FAILED', 'attempts-exhausted', 0, { settled: true })
        : outcome(effect, 'QUEUED', 'never-arrived', 0, { settled: true });
    case 'still-uncertain':
      return outcome(effect, 'UNCERTAIN', result.reason, VISIBILITY_LAG_MS);
  }
}

/** The row alone decides what is said, so that saying it again says the same. */
export function draftOf(effect: Effect): Draft {
  const { letterId, leg, provider } = effect;
  const at = effect.doneAt?.getTime() ?? 0;
  const options = { id: uuidv5(effect.id, effect.state) };
  const event = decode('letter.dispatch.v1', effect.payload);
  if (effect.state === 'HANDED_OVER') {
    const { conversationId, messageId } = event;
    return draft(
      'letter.dispatched.v1',
      letterId,
      {
        letterId,
        leg,
        provider,
        conversationId,
        messageId,
        attempts: effect.attempts,
        settled: effect.settled,
        handedOverAt: at,
      },
      options,
    );
  }
  const refused = effect.state === 'REFUSED';
  return draft(
    'letter.refused.v1',
    letterId,
    {
      about: 'LEG',
      letterId,
      sender: event.sender,
      reference: event.reference,
      leg,
      reason: refused ? 'provider-refused' : 'provider-unreachable',
      detail: refused
        ? `${REFUSALS['provider-refused']} (${effect.reason ?? ''})`
        : `The provider could not be reached. (${effect.reason ?? ''})`,
      pointer: null,
      stage: 'provider-dispatch',
      refusedAt: at,
    },
    options,
  );
}

async function eachLimited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  let next = 0;
  const run = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  return results;
}
