import { expect } from '@jest/globals';
import { decode, type LetterStatusChanged } from '@postgang/pipeline';
import { verifyHistory } from '@postgang/receipts';
import type { LetterStatus } from '@postgang/rules';
import { eventually } from '@postgang/testing';
import { read } from './ask.js';
import type { Mailing } from './mailing.js';
import type { World } from './world.js';

export interface HistoryLine {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly leg: number | null;
  readonly eventId: string;
  readonly data: string;
  readonly hash: string;
}

/** What must have been written down on the way to each end. */
const CARRIED = ['accepted', 'routed', 'sealed', 'handed-over'];
const LATE_MS = 60_000;
export const STEPS: Partial<Record<LetterStatus, readonly string[]>> = {
  DELIVERED: [...CARRIED, 'leveringskvittering'],
  OPENED: [...CARRIED, 'leveringskvittering', 'aapningskvittering'],
  POSTED: [...CARRIED, 'mottakskvittering', 'leveringskvittering'],
  RETURNED: [...CARRIED, 'returpostkvittering'],
  FAILED: [...CARRIED, 'feil'],
  REFUSED: ['accepted', 'refused'],
};

/**
 * Nothing lost, nothing doubled, everything explained: as the agency sees it, and as those outside counted it. `ordered`: no status was told for
 * the first time after a later one; false where receipts died between writing and telling, and readers go by the seq.
 */
export async function expectWhole(world: World, mailing: Mailing, { ordered = true } = {}): Promise<void> {
  for (const { letterId, part } of mailing.sent) {
    const seen = await read<{ status: string; reason: string | null }>(world, `/v1/letters/${letterId}`);
    expect({ case: part.case, ...seen }).toMatchObject({
      case: part.case,
      status: part.end,
      ...(part.reason === undefined ? {} : { reason: part.reason }),
    });
    const history = await completeHistory(world, letterId, STEPS[part.end] ?? []);
    expect(brokenAt(letterId, history)).toBeUndefined();
  }
  if (ordered) expectOrdered(world);
  const { messages } = world.sandbox.counts;
  const counted = (await (await fetch(`${world.sandbox.url}/admin/counts`)).json()) as {
    messages: { accepted: number; distinctMessageIds: number; distinctConversations: number };
  };
  const { carried } = world;
  expect({ refused: messages.refused, ...counted.messages }).toMatchObject({
    accepted: carried,
    distinctMessageIds: carried,
    distinctConversations: carried,
  });
}

/** A receipt may overtake the hand-over that was settled by asking; the history has both in the end. */
export async function completeHistory(
  world: World,
  letterId: string,
  steps: readonly string[],
): Promise<HistoryLine[]> {
  let lines: HistoryLine[] = [];
  const missing = async (): Promise<readonly string[]> => {
    lines = (await read<{ history: HistoryLine[] }>(world, `/v1/letters/${letterId}/history`)).history;
    return steps.filter((step) => !lines.some(({ kind }) => kind === step));
  };
  await eventually(
    `history of ${letterId} with ${steps.join(', ')}`,
    async () => ((await missing()).length === 0 ? true : undefined),
    LATE_MS,
  );
  return lines;
}

/** The first seq at which the chain does not hold. */
export function brokenAt(letterId: string, history: readonly HistoryLine[]): number | undefined {
  return verifyHistory(
    letterId,
    history.map(({ at, data, hash, ...line }) => ({
      ...line,
      letterId,
      at: new Date(at),
      data: Buffer.from(data, 'utf8'),
      hash: Buffer.from(hash, 'hex'),
    })),
  );
}

/** Said again is allowed (same seq, same words); a new word about a letter never comes after a later one. */
function expectOrdered(world: World): void {
  const said = new Map<string, Map<number, string>>();
  for (const { value } of world.statuses.records) {
    const event: LetterStatusChanged = decode('letter.status.v1', value);
    const before = said.get(event.letterId) ?? new Map<number, string>();
    const words = JSON.stringify(event);
    const same = before.get(event.seq);
    if (same === undefined) expect(event.seq).toBeGreaterThan(Math.max(0, ...before.keys()));
    else expect(words).toBe(same);
    said.set(event.letterId, before.set(event.seq, words));
  }
}
