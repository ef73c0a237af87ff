import type { Subject } from './generated/events.js';

/** How the placeholder in a topic's name is filled: one topic per provider, or one per agency that asked for Kafka. */
export type TopicParameter = 'provider' | 'orgnr';

export type ServiceName =
  'integration-point' | 'register-lookup' | 'encryption' | 'provider-dispatch' | 'notification' | 'receipts';

/** `agency`: the agency's own principal; `adapter`: an outside provider adapter in place of provider-dispatch; `operator`: the tools of whoever runs Postgang. */
export type Party = ServiceName | 'agency' | 'adapter' | 'operator';

export interface Topic {
  readonly name: string;
  readonly subject: Subject;
  readonly writers: readonly Party[];
  readonly readers: readonly Party[];
  /** What the record key is. Records of one letter stay in order because they share it. `day`: it is about no letter. */
  readonly key: 'letterId' | 'conversationId' | 'day';
  /** Never changed in place: a changed count moves letters to other partitions while earlier events are still in flight. */
  readonly partitions: number;
  readonly retentionDays: number;
  readonly what: string;
}

/** Long enough for the longest outage we plan for; an offset that fell out of retention would be a silent skip. */
const EVENT_DAYS = 14;
/** Ten years: as long as somebody may come with the evidence of a letter. */
const ROOT_DAYS = 3_653;

/** The letter's way, in order. Topics, ACLs, compose, docs, retry and dead-letter topics are derived from or tested against it. */
export const TOPICS = [
  {
    name: 'letter.submitted.v1.<orgnr>',
    subject: 'letter.submitted.v1',
    writers: ['agency'],
    readers: ['integration-point'],
    key: 'letterId',
    partitions: 3,
    retentionDays: EVENT_DAYS,
    what: "an agency hands in a letter on its own topic; the broker's ACL proves who wrote",
  },
  {
    name: 'letter.accepted.v1',
    subject: 'letter.accepted.v1',
    writers: ['integration-point'],
    readers: ['register-lookup', 'receipts'],
    key: 'letterId',
    partitions: 6,
    retentionDays: EVENT_DAYS,
    what: 'documents and letter are durable',
  },
  {
    name: 'letter.routed.v1',
    subject: 'letter.routed.v1',
    writers: ['register-lookup'],
    readers: ['encryption', 'receipts'],
    key: 'letterId',
    partitions: 6,
    retentionDays: EVENT_DAYS,
    what: 'leg n: channel, provider, mailbox or address, and the rule that chose',
  },
  {
    name: 'letter.dispatch.<provider>.v1',
    subject: 'letter.dispatch.v1',
    writers: ['encryption'],
    readers: ['provider-dispatch', 'adapter', 'receipts'],
    key: 'letterId',
    partitions: 6,
    retentionDays: EVENT_DAYS,
    what: "package reference and what the provider needs; provider-dispatch or that provider's own adapter owns it",
  },
  {
    name: 'letter.dispatched.v1',
    subject: 'letter.dispatched.v1',
    writers: ['provider-dispatch'],
    readers: ['receipts'],
    key: 'letterId',
    partitions: 6,
    retentionDays: EVENT_DAYS,
    what: 'the provider took the leg over',
  },
  {
    name: 'receipt.received.<provider>.v1',
    subject: 'receipt.received.v1',
    writers: ['provider-dispatch', 'adapter'],
    readers: ['receipts'],
    key: 'conversationId',
    partitions: 6,
    retentionDays: EVENT_DAYS,
    what: 'raw receipts, and what an outside adapter reports',
  },
  {
    name: 'letter.notify.v1',
    subject: 'letter.notify.v1',
    writers: ['receipts'],
    readers: ['notification'],
    key: 'letterId',
    partitions: 3,
    retentionDays: EVENT_DAYS,
    what: 'a service message is due',
  },
  {
    name: 'recipient.notified.v1',
    subject: 'recipient.notified.v1',
    writers: ['notification'],
    readers: ['receipts'],
    key: 'letterId',
    partitions: 3,
    retentionDays: EVENT_DAYS,
    what: 'what became of the service message',
  },
  {
    name: 'letter.refused.v1',
    subject: 'letter.refused.v1',
    writers: ['integration-point', 'register-lookup', 'provider-dispatch'],
    readers: ['receipts', 'integration-point'],
    key: 'letterId',
    partitions: 3,
    retentionDays: EVENT_DAYS,
    what: 'a rule or a provider said no about a hand-in, a letter or a leg',
  },
  {
    name: 'letter.redriven.v1',
    subject: 'letter.redriven.v1',
    writers: ['operator'],
    readers: ['receipts'],
    key: 'letterId',
    partitions: 3,
    retentionDays: EVENT_DAYS,
    what: 'an operator processes a dead letter again: planned, released, sent, left out or given up',
  },
  {
    name: 'letter.status.v1',
    subject: 'letter.status.v1',
    writers: ['receipts'],
    readers: ['integration-point'],
    key: 'letterId',
    partitions: 6,
    retentionDays: EVENT_DAYS,
    what: "the letter's status with its seq; readers ignore lower ones",
  },
  {
    name: 'letter.status.v1.<orgnr>',
    subject: 'letter.status.v1',
    writers: ['integration-point'],
    readers: ['agency'],
    key: 'letterId',
    partitions: 3,
    retentionDays: EVENT_DAYS,
    what: "the same for one agency's letters, and its refused hand-ins",
  },
  {
    name: 'day.closed.v1',
    subject: 'day.closed.v1',
    writers: ['receipts'],
    readers: ['receipts', 'agency', 'operator'],
    key: 'day',
    partitions: 1,
    retentionDays: ROOT_DAYS,
    what: "a day's signed root, for anybody to keep; receipts only looks at it before it signs another",
  },
] as const satisfies readonly Topic[];

export type TopicPattern = (typeof TOPICS)[number]['name'];
type Fill<P extends string> = P extends `${infer Head}<${string}>${infer Tail}` ? `${Head}${string}${Tail}` : P;
/** A concrete topic, e.g. `letter.dispatch.digipost.v1`. */
export type TopicName = Fill<TopicPattern>;

/** Providers that have topics of their own: each is a row of data in libs/providers. */
export const PROVIDERS_WITH_TOPICS = ['digipost', 'eboks', 'print'] as const;
export type DispatchProvider = (typeof PROVIDERS_WITH_TOPICS)[number];

export function topicName(pattern: TopicPattern, parameter?: string): TopicName {
  if (!pattern.includes('<')) return pattern;
  if (parameter === undefined || !/^[a-z0-9]{1,40}$/.test(parameter))
    throw new Error(`${pattern} needs a parameter of a–z and digits`);
  return pattern.replace(/<[a-z]+>/, parameter) as TopicName;
}

/** Whether a stage of the service takes the topic's records in. What is about a day is only looked at: nobody commits a place there. */
export const takesIn = (service: ServiceName, { key, readers }: Pick<Topic, 'key' | 'readers'>): boolean =>
  key !== 'day' && readers.includes(service);

const MATCHERS = TOPICS.map((topic) => ({
  topic,
  expression: new RegExp(
    `^${topic.name.replaceAll('.', '\\.').replace('<provider>', '([a-z]{1,40})').replace('<orgnr>', '([0-9]{9})')}$`,
  ),
}));

/** The row a concrete topic belongs to and its parameter, or undefined for a topic that is not ours. */
export function topicOf(name: string): { topic: (typeof TOPICS)[number]; parameter: string | undefined } | undefined {
  for (const { topic, expression } of MATCHERS) {
    const match = expression.exec(name);
    if (match !== null) return { topic, parameter: match[1] };
  }
  return undefined;
}

/** The delays a failed record waits before it is tried again, in milliseconds; after the last it is a dead letter. */
export const RETRY_TIERS = [
  { tier: '10s', delayMs: 10_000 },
  { tier: '1m', delayMs: 60_000 },
  { tier: '10m', delayMs: 600_000 },
  { tier: '1h', delayMs: 3_600_000 },
] as const;
export type RetryTier = (typeof RETRY_TIERS)[number]['tier'];

const RETRY_PARTITIONS = 3;
const DEAD_LETTER_DAYS = 90;

export const retryTopic = (service: ServiceName, tier: RetryTier): string => `${service}.retry.${tier}`;
export const deadLetterTopic = (service: ServiceName): string => `${service}.dlq`;

export const SERVICES: readonly ServiceName[] = [
  'integration-point',
  'register-lookup',
  'encryption',
  'provider-dispatch',
  'notification',
  'receipts',
];

export interface ConcreteTopic {
  readonly name: string;
  readonly partitions: number;
  readonly retentionDays: number;
}

/** Every topic that must exist, with retry and dead-letter topics and the topics of the given agencies. */
export function concreteTopics(agencies: readonly string[]): ConcreteTopic[] {
  const rows = TOPICS.flatMap((topic): ConcreteTopic[] => {
    const names = topic.name.includes('<provider>')
      ? PROVIDERS_WITH_TOPICS.map((provider) => topicName(topic.name, provider))
      : topic.name.includes('<orgnr>')
        ? agencies.map((orgnr) => topicName(topic.name, orgnr))
        : [topic.name];
    return names.map((name) => ({ name, partitions: topic.partitions, retentionDays: topic.retentionDays }));
  });
  const own = SERVICES.flatMap((service): ConcreteTopic[] => [
    ...RETRY_TIERS.map(({ tier }) => ({
      name: retryTopic(service, tier),
      partitions: RETRY_PARTITIONS,
      retentionDays: EVENT_DAYS,
    })),
    { name: deadLetterTopic(service), partitions: RETRY_PARTITIONS, retentionDays: DEAD_LETTER_DAYS },
  ]);
  return [...rows, ...own];
}
