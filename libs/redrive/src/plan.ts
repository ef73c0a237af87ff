import type { ServiceName } from '@postgang/pipeline';
import type { Stretch } from '@postgang/runtime';
import { createHash } from 'node:crypto';
import { matches, type Described, type Filter } from './filter.js';
import { isLate, judge, type Asked, type Known, type Why } from './judge.js';

/** What the plan says of one dead letter. Frozen: carrying it out may leave out more, never send more. */
export interface PlannedRecord extends Pick<
  Described,
  | 'partition'
  | 'offset'
  | 'digest'
  | 'recordId'
  | 'redrives'
  | 'originTopic'
  | 'failure'
  | 'letterId'
  | 'leg'
  | 'sealed'
> {
  readonly deadAt: Date;
  readonly decision: 'send' | 'suppress';
  readonly why: Why | null;
  /** What the letter waits for was due before the plan was drawn up. */
  readonly late: boolean;
}

export interface PlanHead {
  readonly id: string;
  readonly service: ServiceName;
  readonly filter: Filter;
  readonly asked: Asked;
  /** What of the dead-letter topic was looked at. */
  readonly ends: readonly Stretch[];
  readonly plannedBy: string;
  readonly plannedAt: Date;
  /** With more records than this to send a second person must release it. */
  readonly releaseAbove: number;
}

export interface Plan extends PlanHead {
  readonly records: readonly PlannedRecord[];
}

/** Pure. In the order of partitions and offsets. */
export function drawUp(
  dead: readonly Described[],
  { filter, asked, plannedAt }: Pick<PlanHead, 'filter' | 'asked' | 'plannedAt'>,
  knownOf: (dead: Described) => Known,
): PlannedRecord[] {
  const meant = dead.filter((one) => matches(filter, one)).sort(byPlace);
  const newest = new Map<string, Described>();
  for (const one of meant) {
    const other = newest.get(one.recordId);
    if (other === undefined || isNewer(one, other)) newest.set(one.recordId, one);
  }
  return meant.map((one) => {
    const known = knownOf(one);
    const why = newest.get(one.recordId) === one ? judge(one, known, asked, plannedAt) : 'same-record';
    const { partition, offset, digest, recordId, redrives, originTopic, failure, letterId, leg, sealed, at } = one;
    return {
      ...{ partition, offset, digest, recordId, redrives, originTopic, failure, letterId, leg, sealed, deadAt: at },
      decision: why === undefined ? 'send' : 'suppress',
      why: why ?? null,
      late: isLate(known, plannedAt),
    };
  });
}

const byPlace = (a: Described, b: Described): number =>
  a.partition - b.partition || (BigInt(a.offset) < BigInt(b.offset) ? -1 : 1);

/** Of one record that lies here twice: what came back later has been sent again more often. */
function isNewer(one: Described, other: Described): boolean {
  if (one.redrives !== other.redrives) return one.redrives > other.redrives;
  return one.at.getTime() >= other.at.getTime();
}

/** SHA-256 over all that the plan says: who releases it, and who carries it out, can see that it is still the same. */
export function hashOf({ records, ...head }: Plan): string {
  const { id, service, filter, asked, ends, plannedBy, plannedAt, releaseAbove } = head;
  const { since, until, reason, letter, origin } = filter;
  const hash = createHash('sha256');
  const line = (...cells: unknown[]): void => void hash.update(`${JSON.stringify(cells)}\n`);
  line('postgang redrive plan 1', id, service, plannedBy, plannedAt.toISOString(), releaseAbove);
  line(since?.toISOString() ?? null, until?.toISOString() ?? null, reason ?? null, letter ?? null, origin ?? null);
  line(asked.leavePastDeadline, asked.alsoFailed, asked.canOpen);
  for (const { partition, from, to } of ends) line(partition, from.toString(), to.toString());
  for (const one of records)
    line(
      ...[one.partition, one.offset, one.digest, one.recordId, one.redrives, one.deadAt.toISOString()],
      ...[one.originTopic, one.failure, one.letterId, one.leg, one.sealed, one.decision, one.why, one.late],
    );
  return hash.digest('hex');
}

export interface Summary {
  readonly records: number;
  readonly toSend: number;
  readonly suppressed: Readonly<Partial<Record<Why, number>>>;
  /** Of those to be sent. */
  readonly pastDeadline: number;
  readonly oldest: Date | null;
  readonly newest: Date | null;
  readonly reasons: readonly { readonly failure: string; readonly records: number }[];
  readonly samples: readonly PlannedRecord[];
}

const SAMPLES = 5;
const REASONS = 10;

export function summaryOf(records: readonly PlannedRecord[]): Summary {
  const sends = records.filter(({ decision }) => decision === 'send');
  const suppressed: Partial<Record<Why, number>> = {};
  for (const { why } of records) if (why !== null) suppressed[why] = (suppressed[why] ?? 0) + 1;
  const times = sends.map(({ deadAt }) => deadAt.getTime());
  const reasons = [...Map.groupBy(sends, ({ failure }) => failure)].map(([failure, list]) => ({
    failure,
    records: list.length,
  }));
  return {
    records: records.length,
    toSend: sends.length,
    suppressed,
    pastDeadline: sends.filter(({ late }) => late).length,
    oldest: times.length === 0 ? null : new Date(times.reduce((a, b) => Math.min(a, b))),
    newest: times.length === 0 ? null : new Date(times.reduce((a, b) => Math.max(a, b))),
    reasons: reasons.sort((a, b) => b.records - a.records).slice(0, REASONS),
    samples: Array.from({ length: Math.min(SAMPLES, sends.length) }, (_, index) => {
      const spread = Math.floor((index * sends.length) / Math.min(SAMPLES, sends.length));
      return sends[spread] as PlannedRecord;
    }),
  };
}
