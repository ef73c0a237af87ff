import { balance, balanceCounters, balanceMails, legOf, type Difference, type Outside, type Waiting } from './books.js';
import type { HandedIn, HandIn } from './hand-in.js';
import { Topics } from './topics.js';
import { PAGE, Views } from './views.js';
import { AGENCY, type World } from './world.js';

export interface Audit {
  readonly differences: readonly Difference[];
  readonly waiting: readonly Waiting[];
  readonly byStatus: Readonly<Record<string, number>>;
  /** Records in retry tiers and dead letters over the whole run. */
  readonly setAside: Readonly<Record<string, number>>;
  readonly sandbox: SandboxCounts;
}

export interface SandboxCounts {
  readonly messages: {
    readonly accepted: number;
    readonly distinctMessageIds: number;
    readonly distinctConversations: number;
    readonly duplicatesRefused: number;
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly receipts: Readonly<Record<'sent' | 'read' | 'lost', Readonly<Record<string, number>>>>;
  readonly mail: { readonly accepted: number; readonly distinctMessageIds: number };
}

/** Compares what was handed in, what Postgang says, what was told on the topics, and what those outside counted. */
export async function audit(world: World, handIn: HandIn): Promise<Audit> {
  const topics = new Topics(world.settings);
  const sandbox = await ask<SandboxCounts>(world, '/admin/counts');
  const { conversations } = await ask<{ conversations: [string, number, string[]][] }>(world, '/admin/conversations');
  const outside = new Map<string, Outside>(
    conversations.map(([id, messages, lostReceipts]) => [id, { messages, lostReceipts }]),
  );
  const toAll = await topics.lastTold('letter.status.v1');
  const toAgency = await topics.lastTold(`letter.status.v1.${AGENCY}`);
  const setAside = await topics.setAside();

  const differences: Difference[] = handIn.refused.map(({ reference, answer }) => ({
    what: 'refused-at-the-door',
    letterId: undefined,
    reference,
    detail: answer,
  }));
  const waiting: Waiting[] = [];
  const notified = { sent: 0, uncertain: 0 };
  const legs = new Set<string>();
  const views = await Views.open(world.settings['POSTGRES_URL'] ?? '');
  try {
    for (const page of pagesOf(handIn.letters)) {
      const booked = await views.letters(page.map(({ letterId }) => letterId));
      for (const letter of page) {
        const leg = legOf(letter);
        legs.add(leg);
        const row = booked.get(letter.letterId);
        const found = balance(letter, row, outside.get(leg) ?? { messages: 0, lostReceipts: [] }, [
          toAll.told.get(letter.letterId),
          toAgency.told.get(letter.letterId),
        ]);
        differences.push(...found.differences);
        if (found.waiting !== undefined) waiting.push(found.waiting);
        for (const { kind, data } of row?.history ?? []) {
          if (kind !== 'notified') continue;
          const { particulars } = JSON.parse(data.toString()) as { particulars?: { outcome?: string } };
          if (particulars?.outcome === 'SENT') notified.sent++;
          if (particulars?.outcome === 'UNCERTAIN') notified.uncertain++;
        }
      }
    }
    const strangers = [...outside.keys()].filter((leg) => !legs.has(leg)).length;
    const { accepted, distinctMessageIds, distinctConversations } = sandbox.messages;
    differences.push(
      ...balanceCounters(handIn.letters, { accepted, distinctMessageIds, distinctConversations }, strangers),
      ...balanceMails(sandbox.mail, notified),
      ...[...new Set([...toAll.contradictions, ...toAgency.contradictions])].map((letterId): Difference => ({
        what: 'not-told',
        letterId,
        reference: undefined,
        detail: 'two words for one seq',
      })),
      ...Object.entries(setAside)
        .filter(([topic]) => topic.endsWith('.dlq'))
        .map(([topic, records]): Difference => ({
          what: 'dead-letter',
          letterId: undefined,
          reference: undefined,
          detail: `${records} in ${topic}`,
        })),
    );
    return { differences, waiting, byStatus: await views.countByStatus(), setAside, sandbox };
  } finally {
    await views.close();
  }
}

function* pagesOf(letters: readonly HandedIn[]): Generator<readonly HandedIn[]> {
  for (let from = 0; from < letters.length; from += PAGE) yield letters.slice(from, from + PAGE);
}

async function ask<T>(world: World, path: string): Promise<T> {
  const answer = await fetch(world.sandboxUrl + path);
  if (!answer.ok) throw new Error(`sandbox ${path}: ${answer.status}`);
  return (await answer.json()) as T;
}
