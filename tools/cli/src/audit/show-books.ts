import type { Unread } from './broker.js';
import type { Listed, Tally } from './tally.js';

export interface Books {
  readonly from: Date;
  readonly to: Date;
  readonly now: Date;
  readonly sender: string | undefined;
  readonly tally: Tally;
  /** Undefined: the broker was not asked. */
  readonly unread: readonly Unread[] | undefined;
}

const LABELS = {
  delivered: 'delivered',
  posted: 'posted',
  'ended-otherwise': 'ended otherwise',
  'in-flight': 'in flight, within deadline',
  unaccounted: 'unaccounted for',
} as const;

const line = (label: string, count: number): string => `${label.padEnd(32)}${String(count).padStart(12)}\n`;

/** For people: the sum, then what does not add up. */
export function inWords({ from, to, now, sender, tally, unread }: Books): string {
  const { ledger } = tally;
  const head = `Books of letters accepted from ${from.toISOString()} to ${to.toISOString()}${sender === undefined ? '' : ` by ${sender}`}, as of ${now.toISOString()}\n\n`;
  const sums = [
    line('accepted', tally.accepted),
    ...Object.entries(LABELS).flatMap(([ending, label]) => [
      line(`  ${label}`, tally.endings[ending as keyof typeof LABELS]),
      ...(ending === 'in-flight' && tally.parked > 0 ? [line('    of these parked', tally.parked)] : []),
    ]),
    '\n',
    line('handed over per ledger', ledger.handedOver),
    line('  settled by asking', ledger.settledByAsking),
    line('refused or failed per ledger', ledger.refused + ledger.failed),
    line('queued per ledger', ledger.queued),
    line('unsettled per ledger', ledger.unsettled),
    line('history entries verified', tally.entries),
  ];
  const lag = (unread ?? []).map(({ service, topic, records }) => line(`unread by ${service}: ${topic}`, records));
  const causes = Object.entries(tally.causes).map(([cause, count]) => line(`  ${cause}`, count));
  const more = tally.imbalances - tally.listed.length;
  return [
    head,
    ...sums,
    ...(lag.length === 0 ? [] : ['\n', ...lag]),
    '\n',
    ...(tally.closed
      ? ['The books close.\n']
      : [line('IMBALANCES', tally.imbalances), ...causes, '\n', ...tally.listed.map(inOneLine)]),
    ...(more > 0 ? [`… and ${more} more (--list)\n`] : []),
  ].join('');
}

const inOneLine = ({ letterId, sender, reference, says }: Listed): string =>
  `${letterId ?? '(no letter)'}  ${sender ?? '-'}  ${reference ?? '-'}  ${says}\n`;

/** For machines. */
export const asDocument = ({ from, to, now, sender, tally, unread }: Books): object => ({
  from: from.toISOString(),
  to: to.toISOString(),
  asOf: now.toISOString(),
  sender: sender ?? null,
  closed: tally.closed,
  accepted: tally.accepted,
  endings: tally.endings,
  parked: tally.parked,
  ledger: tally.ledger,
  historyEntries: tally.entries,
  unread: unread ?? null,
  imbalanceCount: tally.imbalances,
  causes: tally.causes,
  imbalances: tally.listed,
});
