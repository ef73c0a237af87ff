import type { Manager } from '@postgang/runtime';

/** `held`: none of the sender's letters is decided. `released`: an operator has looked, and no share of refusals holds them for a while. */
export type Hold = 'held' | 'released';

/** Somebody who was released a moment ago stays released. */
export async function holdSenders(manager: Manager, senders: readonly string[]): Promise<void> {
  await manager.query(
    `INSERT INTO held_sender AS h (sender) SELECT * FROM unnest($1::text[]) ORDER BY 1
     ON CONFLICT (sender) DO UPDATE SET held_at = now(), released_until = NULL WHERE h.released_until <= now()`,
    [senders],
  );
}

/** False when the sender is not held. */
export async function releaseSender(manager: Manager, sender: string, hours: number): Promise<boolean> {
  const rows: unknown[] = await manager.query(
    `WITH released AS (
       UPDATE held_sender SET released_until = now() + make_interval(hours => $2)
       WHERE sender = $1 AND released_until IS NULL RETURNING sender)
     SELECT sender FROM released`,
    [sender, hours],
  );
  return rows.length > 0;
}
