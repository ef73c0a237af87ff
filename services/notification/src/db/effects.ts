import type { Manager } from '@postgang/runtime';
import type { LetterNotify } from '@postgang/pipeline';

export type NotifyEnd = 'SENT' | 'NO_ADDRESS' | 'REFUSED' | 'UNCERTAIN';

export interface SendOutcome {
  readonly outcome: NotifyEnd;
  readonly reason: string | null;
}

/** Writes the intention of each message that has none yet. Returns what is known of the others: `intended` or how it ended. */
export async function intend(
  manager: Manager,
  messages: readonly LetterNotify[],
): Promise<Map<string, NotifyEnd | 'intended'>> {
  if (messages.length === 0) return new Map();
  const rows: { letter_id: string; state: NotifyEnd | 'intended'; fresh: boolean }[] = await manager.query(
    `INSERT INTO message AS m (letter_id, leg, state)
     SELECT l, n, 'intended' FROM unnest($1::uuid[], $2::int[]) AS t(l, n)
     ON CONFLICT (letter_id, leg) DO UPDATE SET state = m.state
     RETURNING letter_id, state, (xmax = 0) AS fresh`,
    [messages.map(({ letterId }) => letterId), messages.map(({ leg }) => leg)],
  );
  return new Map(rows.filter(({ fresh }) => !fresh).map(({ letter_id, state }) => [letter_id, state]));
}

export async function record(
  manager: Manager,
  ends: readonly { letterId: string; leg: number; outcome: NotifyEnd }[],
): Promise<void> {
  if (ends.length === 0) return;
  await manager.query(
    `UPDATE message SET state = t.state, done_at = now()
     FROM unnest($1::uuid[], $2::int[], $3::text[]) AS t(letter_id, leg, state)
     WHERE message.letter_id = t.letter_id AND message.leg = t.leg AND message.state = 'intended'`,
    [ends.map((end) => end.letterId), ends.map((end) => end.leg), ends.map((end) => end.outcome)],
  );
}
