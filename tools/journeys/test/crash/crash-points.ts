import type { ServiceName } from '@postgang/pipeline';

/** The durable steps of a service on one way, in order. A crash can come between any two that follow each other, and nowhere else that matters. */
export interface Way {
  readonly service: ServiceName;
  readonly way: string;
  readonly steps: readonly string[];
}

export const WAYS = [
  {
    service: 'integration-point',
    way: 'letter over REST',
    steps: ['document stored', 'letter row', 'publish letter.accepted.v1', 'letter marked'],
  },
  { service: 'integration-point', way: 'upload', steps: ['document stored', 'upload row'] },
  {
    service: 'integration-point',
    way: 'letter over Kafka',
    steps: ['upload claimed', 'letter row', 'publish letter.accepted.v1', 'commit letter.submitted.v1.<orgnr>'],
  },
  {
    service: 'integration-point',
    way: 'status for an agency',
    steps: ['publish letter.status.v1.<orgnr>', 'commit letter.status.v1'],
  },
  {
    service: 'register-lookup',
    way: 'decision',
    steps: ['decision', 'publish letter.routed.v1', 'commit letter.accepted.v1'],
  },
  {
    service: 'encryption',
    way: 'package',
    steps: ['document stored', 'publish letter.dispatch.<provider>.v1', 'commit letter.routed.v1'],
  },
  { service: 'provider-dispatch', way: 'record', steps: ['effect written', 'commit letter.dispatch.<provider>.v1'] },
  {
    service: 'provider-dispatch',
    way: 'hand-over',
    steps: ['effect written', 'letter handed over', 'outcome', 'publish letter.dispatched.v1', 'effect marked'],
  },
  {
    service: 'provider-dispatch',
    way: 'receipt',
    steps: ['receipts fetched', 'answer noted', 'publish receipt.received.<provider>.v1', 'receipt marked read'],
  },
  {
    service: 'receipts',
    way: 'fact',
    steps: ['history', 'publish letter.status.v1', 'commit letter.accepted.v1'],
  },
  {
    service: 'receipts',
    way: 'service message falls due',
    steps: ['publish letter.notify.v1', 'commit receipt.received.<provider>.v1'],
  },
  {
    service: 'notification',
    way: 'service message',
    steps: [
      'message intended',
      'mail sent',
      'message ended',
      'publish recipient.notified.v1',
      'commit letter.notify.v1',
    ],
  },
] as const satisfies readonly Way[];

/** Durable steps beside those ways, and why a crash after them has no point of its own here. */
export const BESIDE: Readonly<Record<string, string>> = {
  migrated: 'before anything is consumed; each migration is one transaction',
  'letter known': 'a part of the transaction that writes the history',
  position: 'of records that were set aside; read again they are set aside again (libs/runtime, restored)',
  'upload released': 'frees what a repeat had claimed before its offset is committed; done again it does nothing',
  'unused uploads dropped': 'no letter names them',
  'parked letters given back': 'a lock until they are published; services/register-lookup, parked letters',
  'effect claimed': 'when its lane was full before; from here it goes as one that was written with its intention',
  'questions taken': 'finds what a crash left, and delays the next question',
  'silent ones taken': 'only delays the next question',
  restored: 'done again at the next start',
  'lease renewed': 'of what waits for room in memory; one that runs out is asked about',
  'pull noted': 'only rises; told again every quarter of a minute',
  'overdue told': 'services/receipts, deadlines',
  'day closed': 'services/receipts, day roots',
  'publish day.closed.v1': 'from the row, compared with what lies in the topic; services/receipts, day roots',
  'revocation list kept': 'for evidence; looked for and kept again at the next look',
};

/** The same as the steps of another record of the same stage. */
export const ALIKE: readonly RegExp[] = [
  /^commit (?:letter|receipt|recipient)\./,
  /^publish letter\.refused\.v1$/,
  // what failed goes a tier on and comes back: libs/runtime, hostile records
  /^(?:publish|commit) [a-z-]+\.retry\./,
];

/** Whose end shows that nothing was lost, and how it was handed in. */
export type Door = 'REST' | 'Kafka' | 'with a service message';

/** What lies there after the crash, before the service is started again. */
export interface Found {
  /** State of the service's own row about the letter; `none` when there is none. */
  readonly row?: string;
  /** Whether the letter's event lies in the topic. */
  readonly event?: { readonly topic: string; readonly there: boolean };
  /** Whether the place behind the record was committed. */
  readonly committed?: { readonly topic: string; readonly there: boolean };
  /** Whether the provider has the letter. */
  readonly provider?: boolean;
  /** Whether receipts wait at the access point. */
  readonly receiptsWait?: boolean;
}

export interface CrashPoint {
  readonly service: ServiceName;
  readonly way: string;
  /** The process dies between these two. */
  readonly after: string;
  readonly before: string;
  readonly door: Door;
  readonly found: Found;
  /** What the restarted service does about it. */
  readonly then: string;
  /** How the service message ends. */
  readonly notified?: 'SENT' | 'UNCERTAIN';
}

const no = (topic: string) => ({ topic, there: false });
const yes = (topic: string) => ({ topic, there: true });
const SUBMITTED = 'letter.submitted.v1.<orgnr>';
const DISPATCH = 'letter.dispatch.<provider>.v1';
const RECEIPT = 'receipt.received.<provider>.v1';

/** Every line between two durable steps. Held complete by the spec, against the ways above and against what the services were seen to do. */
export const CRASH_POINTS: readonly CrashPoint[] = [
  {
    ...{ service: 'integration-point', way: 'letter over REST', door: 'REST' },
    ...{ after: 'document stored', before: 'letter row' },
    found: { row: 'none', event: no('letter.accepted.v1') },
    then: 'the agency got no answer and hands in again; the first document is named by nobody',
  },
  {
    ...{ service: 'integration-point', way: 'letter over REST', door: 'REST' },
    ...{ after: 'letter row', before: 'publish letter.accepted.v1' },
    found: { row: 'not marked', event: no('letter.accepted.v1') },
    then: 'the sweep publishes what the row says; handed in again it is the same letter',
  },
  {
    ...{ service: 'integration-point', way: 'letter over REST', door: 'REST' },
    ...{ after: 'publish letter.accepted.v1', before: 'letter marked' },
    found: { row: 'not marked', event: yes('letter.accepted.v1') },
    then: 'the sweep publishes it once more under the same id, and marks it',
  },
  {
    ...{ service: 'integration-point', way: 'upload', door: 'Kafka' },
    ...{ after: 'document stored', before: 'upload row' },
    found: { row: 'none' },
    then: 'the agency uploads again; the first document is named by nobody',
  },
  {
    ...{ service: 'integration-point', way: 'letter over Kafka', door: 'Kafka' },
    ...{ after: 'upload claimed', before: 'letter row' },
    found: { row: 'none', committed: no(SUBMITTED) },
    then: 'the record is read again; the upload is claimed for this letter already',
  },
  {
    ...{ service: 'integration-point', way: 'letter over Kafka', door: 'Kafka' },
    ...{ after: 'letter row', before: 'publish letter.accepted.v1' },
    found: { row: 'not marked', event: no('letter.accepted.v1'), committed: no(SUBMITTED) },
    then: 'the record is read again, and what the row says is published',
  },
  {
    ...{ service: 'integration-point', way: 'letter over Kafka', door: 'Kafka' },
    ...{ after: 'publish letter.accepted.v1', before: 'commit letter.submitted.v1.<orgnr>' },
    found: { row: 'not marked', event: yes('letter.accepted.v1'), committed: no(SUBMITTED) },
    then: 'the record is read again, and the same event goes out once more',
  },
  {
    ...{ service: 'integration-point', way: 'status for an agency', door: 'REST' },
    ...{ after: 'publish letter.status.v1.<orgnr>', before: 'commit letter.status.v1' },
    found: { event: yes('letter.status.v1.<orgnr>'), committed: no('letter.status.v1') },
    then: 'the agency is told once more, with the same seq',
  },
  {
    ...{ service: 'register-lookup', way: 'decision', door: 'REST' },
    ...{ after: 'decision', before: 'publish letter.routed.v1' },
    found: { row: 'mailbox', event: no('letter.routed.v1'), committed: no('letter.accepted.v1') },
    then: 'the stored decision is published; the register is not asked again',
  },
  {
    ...{ service: 'register-lookup', way: 'decision', door: 'REST' },
    ...{ after: 'publish letter.routed.v1', before: 'commit letter.accepted.v1' },
    found: { row: 'mailbox', event: yes('letter.routed.v1'), committed: no('letter.accepted.v1') },
    then: 'the stored decision is published once more, under the same id',
  },
  {
    ...{ service: 'encryption', way: 'package', door: 'REST' },
    ...{ after: 'document stored', before: 'publish letter.dispatch.<provider>.v1' },
    found: { event: no(DISPATCH), committed: no('letter.routed.v1') },
    then: 'the letter is sealed again; the first package is named by nobody',
  },
  {
    ...{ service: 'encryption', way: 'package', door: 'REST' },
    ...{ after: 'publish letter.dispatch.<provider>.v1', before: 'commit letter.routed.v1' },
    found: { event: yes(DISPATCH), committed: no('letter.routed.v1') },
    then: 'another package of the same leg, under the same id: dispatch hands over the first',
  },
  {
    ...{ service: 'provider-dispatch', way: 'record', door: 'REST' },
    ...{ after: 'effect written', before: 'commit letter.dispatch.<provider>.v1' },
    found: { row: 'INTENDED', committed: no(DISPATCH), provider: false },
    then: 'the record is read again and suppressed; the row goes its way',
  },
  {
    ...{ service: 'provider-dispatch', way: 'hand-over', door: 'REST' },
    ...{ after: 'effect written', before: 'letter handed over' },
    found: { row: 'INTENDED', provider: false, event: no('letter.dispatched.v1') },
    then: 'the lease runs out, the access point is asked and does not know it: handed over now',
  },
  {
    ...{ service: 'provider-dispatch', way: 'hand-over', door: 'REST' },
    ...{ after: 'letter handed over', before: 'outcome' },
    found: { row: 'INTENDED', provider: true, event: no('letter.dispatched.v1') },
    then: 'the lease runs out, the access point is asked and has it: not handed over again',
  },
  {
    ...{ service: 'provider-dispatch', way: 'hand-over', door: 'REST' },
    ...{ after: 'outcome', before: 'publish letter.dispatched.v1' },
    found: { row: 'HANDED_OVER, not marked', provider: true, event: no('letter.dispatched.v1') },
    then: 'the sweep publishes what the row says',
  },
  {
    ...{ service: 'provider-dispatch', way: 'hand-over', door: 'REST' },
    ...{ after: 'publish letter.dispatched.v1', before: 'effect marked' },
    found: { row: 'HANDED_OVER, not marked', provider: true, event: yes('letter.dispatched.v1') },
    then: 'the sweep publishes it once more under the same id, and marks it',
  },
  {
    ...{ service: 'provider-dispatch', way: 'receipt', door: 'REST' },
    ...{ after: 'receipts fetched', before: 'answer noted' },
    found: { receiptsWait: true },
    then: 'it is fetched again: nothing was marked read',
  },
  {
    ...{ service: 'provider-dispatch', way: 'receipt', door: 'REST' },
    ...{ after: 'answer noted', before: 'publish receipt.received.<provider>.v1' },
    found: { receiptsWait: true, event: no(RECEIPT) },
    then: 'it is fetched again',
  },
  {
    ...{ service: 'provider-dispatch', way: 'receipt', door: 'REST' },
    ...{ after: 'publish receipt.received.<provider>.v1', before: 'receipt marked read' },
    found: { receiptsWait: true, event: yes(RECEIPT) },
    then: 'it is fetched and published again, as the same event',
  },
  {
    ...{ service: 'receipts', way: 'fact', door: 'REST' },
    ...{ after: 'history', before: 'publish letter.status.v1' },
    found: { row: 'begun', event: no('letter.status.v1'), committed: no('letter.accepted.v1') },
    then: 'the record is read again; the status comes from the entry that is there',
  },
  {
    ...{ service: 'receipts', way: 'fact', door: 'REST' },
    ...{ after: 'publish letter.status.v1', before: 'commit letter.accepted.v1' },
    found: { row: 'begun', event: yes('letter.status.v1'), committed: no('letter.accepted.v1') },
    then: 'the same status goes out once more, with the same seq',
  },
  {
    ...{ service: 'receipts', way: 'service message falls due', door: 'with a service message' },
    ...{ after: 'publish letter.notify.v1', before: 'commit receipt.received.<provider>.v1' },
    found: { event: yes('letter.notify.v1'), committed: no(RECEIPT) },
    then: 'it falls due once more; notification has sent it',
    notified: 'SENT',
  },
  {
    ...{ service: 'notification', way: 'service message', door: 'with a service message' },
    ...{ after: 'message intended', before: 'mail sent' },
    found: { row: 'intended', event: no('recipient.notified.v1'), committed: no('letter.notify.v1') },
    then: 'nobody can know whether the mail went out: told as uncertain, never sent',
    notified: 'UNCERTAIN',
  },
  {
    ...{ service: 'notification', way: 'service message', door: 'with a service message' },
    ...{ after: 'mail sent', before: 'message ended' },
    found: { row: 'intended', event: no('recipient.notified.v1'), committed: no('letter.notify.v1') },
    then: 'nobody can know whether the mail went out: told as uncertain, never sent again',
    notified: 'UNCERTAIN',
  },
  {
    ...{ service: 'notification', way: 'service message', door: 'with a service message' },
    ...{ after: 'message ended', before: 'publish recipient.notified.v1' },
    found: { row: 'SENT', event: no('recipient.notified.v1'), committed: no('letter.notify.v1') },
    then: 'what the row says is published',
    notified: 'SENT',
  },
  {
    ...{ service: 'notification', way: 'service message', door: 'with a service message' },
    ...{ after: 'publish recipient.notified.v1', before: 'commit letter.notify.v1' },
    found: { row: 'SENT', event: yes('recipient.notified.v1'), committed: no('letter.notify.v1') },
    then: 'what the row says is published once more, under the same id',
    notified: 'SENT',
  },
];
