import type { KeyRing } from '@postgang/outside';
import { NotOpenable, UnknownKey } from '@postgang/outside';
import {
  deadLetterOf,
  REDRIVE,
  redrivenMessage,
  type LyingRecord,
  type OutgoingMessage,
  type Stretch,
  type TopicReader,
} from '@postgang/runtime';
import type { EntityManager } from 'typeorm';
import {
  addEvents,
  claim,
  findPlan,
  markClaimsSent,
  markEventsPublished,
  moveRecords,
  nextRecords,
  oldestClaim,
  releaseClaims,
  setState,
  addStep,
  unpublishedEvents,
  type PlanEvent,
  type RecordState,
  type StoredPlan,
  type StoredRecord,
} from './db/store.js';
import { loadWorld } from './db/world.js';
import { eventOf, messageOf, type Outlet } from './history-events.js';
import { fateOf, type Why } from './judge.js';

/**
 * Carries a plan out. Life of a record that is to be sent:
 *
 *   PLANNED → SENDING → published to the retry tier → SENT
 *       └───→ SUPPRESSED  the world has changed      (SENDING, left by a crash) → looked for in the tier → SENT | PLANNED
 *
 * SENDING is committed, with the claim that no other plan can have, before anything is published. Whoever comes after a crash finds out in the
 * tier itself which of those were published. All statements go through one connection, which also holds the lock that keeps a second run out:
 * without the lock nothing can be claimed.
 */
export interface RunParts {
  readonly manager: EntityManager;
  readonly dead: Pick<TopicReader, 'read' | 'ends'>;
  /** The service's first retry tier. Opened only where a crash left something. */
  readonly openTier: () => Promise<Pick<TopicReader, 'read' | 'endsSince' | 'close'>>;
  readonly sender: Outlet;
  readonly keys: KeyRing;
  readonly by: string;
  /** Records a second. */
  readonly rate: number;
  /** Ends the run after the records in hand; the plan is paused then. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: Progress) => void;
}

export interface Progress {
  readonly sent: number;
  readonly suppressed: number;
}

const MOST_AT_ONCE = 500;
const EVENTS_AT_ONCE = 1_000;
/** The clocks of the broker's clients and of the database may differ by so much. */
const CLOCKS_MS = 300_000;

type Place = Pick<StoredRecord, 'partition' | 'offset'>;
const placeOf = ({ partition, offset }: { partition: number; offset: string | bigint }): string =>
  `${partition}/${offset}`;
const markOf = (planId: string, record: Place): string => `${planId}/${placeOf(record)}`;

/** Resolves when the plan is done, or somebody has paused or cancelled it. Throws DependencyDown; the plan then goes on with the next run. */
export async function carryOut(plan: StoredPlan, parts: RunParts): Promise<void> {
  const { manager, rate } = parts;
  await settle(plan, parts, 'PLANNED');
  await publishEvents(parts);
  const atOnce = Math.min(MOST_AT_ONCE, Math.max(1, Math.floor(rate)));
  let progress: Progress = { sent: 0, suppressed: 0 };
  for (;;) {
    const began = performance.now();
    if ((await findPlan(manager, plan.id))?.state !== 'RUNNING') return;
    if (parts.signal?.aborted === true) return stop(plan, parts, 'PAUSED');
    const records = await nextRecords(manager, plan.id, 'PLANNED', atOnce);
    if (records.length === 0) return stop(plan, parts, 'DONE');
    const done = await carryOutSome(plan, records, parts);
    await publishEvents(parts);
    if (done === undefined) return;
    progress = { sent: progress.sent + done.sent, suppressed: progress.suppressed + done.suppressed };
    parts.onProgress?.(progress);
    await pause((done.sent * 1_000) / rate - (performance.now() - began), parts.signal);
  }
}

/** Undefined: the plan is not running any more, and nothing was sent. */
async function carryOutSome(
  plan: StoredPlan,
  records: readonly StoredRecord[],
  parts: RunParts,
): Promise<Progress | undefined> {
  const { manager } = parts;
  const lying = await readAgain(records, parts.dead);
  const fates = await judgeAgain(plan, records, lying, parts);
  const messages = new Map<StoredRecord, OutgoingMessage>();
  for (const record of records) {
    const there = lying.get(placeOf(record));
    if (fates.has(record) || there === undefined) continue;
    try {
      messages.set(record, redrivenMessage(plan.service, there, parts.keys, markOf(plan.id, record), Date.now()));
    } catch (error) {
      if (!(error instanceof NotOpenable) && !(error instanceof UnknownKey)) throw error;
      fates.set(record, 'sealed');
    }
  }
  const claimed = await manager.transaction(async (inside) => {
    // pause and cancel wait for this, or this for them
    const [row] = await inside.query<{ state: string }[]>('SELECT state FROM redrive_plan WHERE id = $1 FOR SHARE', [
      plan.id,
    ]);
    if (row?.state !== 'RUNNING') return undefined;
    const mine = await claim(inside, plan, [...messages.keys()]);
    for (const record of messages.keys()) if (!mine.has(placeOf(record))) fates.set(record, 'already-redriven');
    const sending = [...messages.keys()].filter((record) => mine.has(placeOf(record)));
    await moveRecords(inside, plan.id, sending.map(to('SENDING')));
    await suppress(inside, plan, fates);
    return sending;
  });
  if (claimed === undefined) return undefined;
  const tooLarge = await send(claimed, messages, parts.sender);
  const sent = claimed.filter((record) => !tooLarge.has(record));
  await manager.transaction(async (inside) => {
    await markSent(inside, plan, sent);
    await releaseClaims(inside, plan.id, [...tooLarge]);
    await suppress(inside, plan, new Map([...tooLarge].map((record) => [record, 'too-large'])));
  });
  return { sent: sent.length, suppressed: fates.size + tooLarge.size };
}

/** The records as they lie there now; one that retention has removed is missing. */
async function readAgain(records: readonly StoredRecord[], dead: RunParts['dead']): Promise<Map<string, LyingRecord>> {
  const wanted = new Set(records.map(placeOf));
  const found = new Map<string, LyingRecord>();
  const ends = new Map((await dead.ends()).map((end) => [end.partition, end]));
  const stretches = [...Map.groupBy(records, ({ partition }) => partition)].flatMap(([partition, list]): Stretch[] => {
    const end = ends.get(partition);
    const offsets = list.map(({ offset }) => BigInt(offset));
    if (end === undefined) return [];
    const [from, to] = [offsets.reduce((a, b) => (a < b ? a : b)), offsets.reduce((a, b) => (a > b ? a : b)) + 1n];
    return [{ partition, from: from < end.from ? end.from : from, to: to > end.to ? end.to : to }];
  });
  await dead.read(stretches, (record) => {
    if (wanted.has(placeOf(record))) found.set(placeOf(record), record);
  });
  return found;
}

async function judgeAgain(
  { service, asked }: StoredPlan,
  records: readonly StoredRecord[],
  lying: ReadonlyMap<string, LyingRecord>,
  { manager, keys }: RunParts,
): Promise<Map<StoredRecord, Why>> {
  const planned = records.map((record) => ({ ...record, service, at: record.deadAt }));
  const knownOf = await loadWorld(manager, service, planned);
  const now = new Date();
  const canOpen = asked.canOpen && keys.has('internal');
  return new Map(
    planned.flatMap((one, index): [StoredRecord, Why][] => {
      const there = lying.get(placeOf(one));
      const digest = there === undefined ? undefined : deadLetterOf(service, there).digest;
      const why = fateOf(one, digest, knownOf(one), { ...asked, canOpen }, now);
      return why === undefined ? [] : [[records[index] as StoredRecord, why]];
    }),
  );
}

/** Those that no topic takes; the others are acknowledged. */
async function send(
  records: readonly StoredRecord[],
  messages: ReadonlyMap<StoredRecord, OutgoingMessage>,
  sender: Outlet,
): Promise<ReadonlySet<StoredRecord>> {
  const tooLarge = new Set<StoredRecord>();
  const messageFor = (record: StoredRecord): OutgoingMessage => messages.get(record) as OutgoingMessage;
  try {
    await sender.send(records.map(messageFor));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // nothing was sent
    for (const record of records)
      await sender.send([messageFor(record)]).catch((alone: unknown) => {
        if (!(alone instanceof RangeError)) throw alone;
        tooLarge.add(record);
      });
  }
  return tooLarge;
}

/** What a crash left between claim and mark: looked for where it would lie. `otherwise`: what becomes of those that were never published. */
export async function settle(
  plan: StoredPlan,
  { manager, openTier, by }: Pick<RunParts, 'manager' | 'openTier' | 'by'>,
  otherwise: 'PLANNED' | 'CANCELLED',
): Promise<void> {
  const since = await oldestClaim(manager, plan.id);
  if (since === undefined) return;
  const published = new Set<string>();
  const tier = await openTier();
  try {
    const stretches = await tier.endsSince(new Date(since.getTime() - CLOCKS_MS));
    await tier.read(stretches, ({ headers }) => void published.add(headers[REDRIVE] ?? ''));
  } finally {
    await tier.close();
  }
  for (;;) {
    const left = await nextRecords(manager, plan.id, 'SENDING', MOST_AT_ONCE);
    if (left.length === 0) return;
    const sent = left.filter((record) => published.has(markOf(plan.id, record)));
    const unsent = left.filter((record) => !sent.includes(record));
    await manager.transaction(async (inside) => {
      await markSent(inside, plan, sent);
      await releaseClaims(inside, plan.id, unsent);
      await moveRecords(inside, plan.id, unsent.map(to(otherwise)));
      if (otherwise === 'CANCELLED') await tell(inside, plan, unsent, 'CANCELLED');
      await addStep(inside, plan.id, by, 'settle', { sent: sent.length, notSent: unsent.length });
    });
  }
}

const to =
  (state: RecordState, outcome?: Why) =>
  ({ partition, offset }: Place) => ({ partition, offset, state, ...(outcome === undefined ? {} : { outcome }) });

async function markSent(manager: EntityManager, plan: StoredPlan, records: readonly StoredRecord[]): Promise<void> {
  await moveRecords(manager, plan.id, records.map(to('SENT')));
  await markClaimsSent(manager, plan.id, records);
  await tell(manager, plan, records, 'SENT');
}

async function suppress(
  manager: EntityManager,
  plan: StoredPlan,
  fates: ReadonlyMap<StoredRecord, Why>,
): Promise<void> {
  await moveRecords(
    manager,
    plan.id,
    [...fates].map(([record, why]) => to('SUPPRESSED', why)(record)),
  );
  const at = new Date();
  await known(
    manager,
    [...fates].flatMap(([record, reason]) => eventOf(plan, record, 'SUPPRESSED', { at, reason })),
  );
}

/** Writes the step down for the histories of these letters; it is published afterwards. */
export async function tell(
  manager: EntityManager,
  plan: StoredPlan,
  records: readonly StoredRecord[],
  step: 'PLANNED' | 'RELEASED' | 'SENT' | 'CANCELLED',
): Promise<void> {
  const at = new Date();
  await known(
    manager,
    records.flatMap((record) => eventOf(plan, record, step, { at })),
  );
}

/** Only of letters that have a history: a hand-in that was never accepted must not become a letter by being talked about. */
async function known(manager: EntityManager, events: readonly PlanEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = await manager.query<{ id: string }[]>(
    'SELECT id FROM history_api_v1.letter WHERE id = ANY($1::uuid[])',
    [[...new Set(events.map(({ letterId }) => letterId))]],
  );
  const letters = new Set(rows.map(({ id }) => id));
  await addEvents(
    manager,
    events.filter(({ letterId }) => letters.has(letterId)),
  );
}

/** What is written down and not yet told, by status: also what a crash left, of whatever plan. Throws DependencyDown. */
export async function publishEvents({ manager, sender }: Pick<RunParts, 'manager' | 'sender'>): Promise<void> {
  for (;;) {
    const events = await unpublishedEvents(manager, EVENTS_AT_ONCE);
    if (events.length === 0) return;
    await sender.send(events.map(messageOf));
    await markEventsPublished(
      manager,
      events.map(({ id }) => id),
    );
  }
}

async function stop(plan: StoredPlan, { manager, by }: RunParts, state: 'PAUSED' | 'DONE'): Promise<void> {
  await manager.transaction(async (inside) => {
    if ((await findPlan(inside, plan.id, true))?.state !== 'RUNNING') return;
    await setState(inside, plan.id, state);
    await addStep(inside, plan.id, by, state === 'DONE' ? 'done' : 'pause');
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
}
