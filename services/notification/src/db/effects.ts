import type { LetterNotify } from '@postgang/pipeline';
import { ConsumedOffsets, type Manager, type Received } from '@postgang/runtime';

export type NotifyEnd = 'SENT' | 'NO_ADDRESS' | 'REFUSED' | 'UNCERTAIN';

export interface Ended {
  readonly outcome: NotifyEnd;
  /** Stable, kebab-case; nothing personal in it. */
  readonly reason: string | null;
  readonly at: Date;
}

/** `mine`: the intention was written now. `elsewhere`: somebody has it in hand, or had a moment ago. */
export type Intention = 'mine' | 'elsewhere' | Ended;

export interface Message {
  readonly event: LetterNotify;
  /** Its record was handled before the database was restored: the mail may have gone out. */
  readonly perhapsSent: boolean;
}

/** More than twice as long as mails of a batch are sent (the stage sees to it), so that a late answer has been written down, too. */
export const IN_HAND_MS = 300_000;

interface Row {
  letter_id: string;
  state: NotifyEnd | 'intended';
  reason: string | null;
  done_at: Date | null;
  fresh: boolean;
  in_hand: boolean;
}

/**
 * Writes the intention of each message that has none yet, in one statement; of what was perhaps sent before a restore, an uncertain end instead.
 * Whoever died with an intention leaves an uncertain end, too.
 */
export async function intend(
  manager: Manager,
  messages: readonly Message[],
  now: Date,
): Promise<{ readonly intentions: ReadonlyMap<string, Intention>; readonly suppressed: number }> {
  if (messages.length === 0) return { intentions: new Map(), suppressed: 0 };
  const rows: Row[] = await manager.query(
    `INSERT INTO message AS m (letter_id, leg, state, reason, done_at)
     SELECT l, n, CASE WHEN perhaps_sent THEN 'UNCERTAIN' ELSE 'intended' END, CASE WHEN perhaps_sent THEN 'restored' END,
       CASE WHEN perhaps_sent THEN $5::timestamptz END
     FROM unnest($1::uuid[], $2::int[], $3::boolean[]) AS t(l, n, perhaps_sent)
     ON CONFLICT (letter_id, leg) DO UPDATE SET suppressed = m.suppressed + 1
     RETURNING letter_id, state, reason, done_at, (xmax = 0) AS fresh, intended_at > now() - $4 * interval '1 millisecond' AS in_hand`,
    [
      messages.map(({ event }) => event.letterId),
      messages.map(({ event }) => event.leg),
      messages.map(({ perhapsSent }) => perhapsSent),
      IN_HAND_MS,
      now,
    ],
  );
  return {
    intentions: new Map(rows.map((row) => [row.letter_id, intentionOf(row, now)])),
    suppressed: rows.filter(({ fresh }) => !fresh).length,
  };
}

function intentionOf({ state, reason, done_at: doneAt, fresh, in_hand: inHand }: Row, now: Date): Intention {
  if (state !== 'intended') return { outcome: state, reason, at: doneAt ?? now };
  if (fresh) return 'mine';
  return inHand ? 'elsewhere' : { outcome: 'UNCERTAIN', reason: 'interrupted', at: now };
}

/**
 * Writes the ends, gives back the intentions of mails that certainly did not go out, and moves the batch's offsets; `undefined` for a batch that
 * will be delivered again. One statement.
 */
export async function record(
  manager: Manager,
  ends: readonly (Ended & { readonly letterId: string; readonly leg: number })[],
  notSent: readonly LetterNotify[],
  batch: readonly Received[] | undefined,
): Promise<void> {
  await manager.query(
    `WITH offsets AS (${ConsumedOffsets.clause(8)}),
     freed AS (
       DELETE FROM message AS m USING unnest($6::uuid[], $7::int[]) AS t(letter_id, leg)
       WHERE m.letter_id = t.letter_id AND m.leg = t.leg AND m.state = 'intended')
     UPDATE message AS m SET state = t.state, reason = t.reason, done_at = t.at
     FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[]) AS t(letter_id, leg, state, reason, at)
     WHERE m.letter_id = t.letter_id AND m.leg = t.leg AND m.state = 'intended'`,
    [
      ends.map((end) => end.letterId),
      ends.map((end) => end.leg),
      ends.map((end) => end.outcome),
      ends.map((end) => end.reason),
      ends.map((end) => end.at),
      notSent.map(({ letterId }) => letterId),
      notSent.map(({ leg }) => leg),
      ...ConsumedOffsets.parameters(batch ?? []),
    ],
  );
}

/** What became of all messages there ever were; reads the whole table. `suppressed`: second records of one, of which nothing came. */
export interface MessageCount {
  readonly state: NotifyEnd | 'intended';
  readonly count: number;
  readonly suppressed: number;
}

export const countMessages = (manager: Manager): Promise<MessageCount[]> =>
  manager.query(
    'SELECT state, count(*)::int AS count, sum(suppressed)::int AS suppressed FROM message GROUP BY state ORDER BY state',
  );
