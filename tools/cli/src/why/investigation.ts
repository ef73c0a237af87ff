import { letterFacts, serviceStates, type LetterFacts } from '@postgang/integration-point';
import { clockFrom } from '@postgang/outside';
import { conversationIdOf } from '@postgang/pipeline';
import { TURNS, turnOf, type FactSource, type ServiceState, type Situation, type Turn } from '@postgang/rules';
import {
  createLogger,
  kafkaClient,
  kafkaSettingsOf,
  openReader,
  openRedis,
  type Manager,
  type RuntimeConfig,
} from '@postgang/runtime';
import { brokerFacts, type BrokerFacts, type OwnPositions } from './broker-facts.js';

/** The services' own settings, as far as they say where to ask. */
export type WhySettings = Pick<
  RuntimeConfig,
  | 'KAFKA_BROKERS'
  | 'KAFKA_SSL_CA'
  | 'KAFKA_USERNAME'
  | 'KAFKA_PASSWORD'
  | 'TOPIC_PREFIX'
  | 'REDIS_URL'
  | 'CLOCK_START'
  | 'CLOCK_RATE'
> & { readonly POSTGRES_URL: string };

/** A person waits for the answer: whoever does not answer by then counts as away. */
const PATIENCE_MS = 5_000;
const BROKER_PATIENCE_MS = 20_000;

const POSITIONS: Partial<Record<Turn, string>> = {
  'integration-point': 'intake_api_v1',
  'register-lookup': 'routing_api_v1',
  'provider-dispatch': 'effect_api_v1',
  receipts: 'history_api_v1',
  notification: 'message_api_v1',
};

export interface Findings {
  readonly situation: Situation;
  /** Undefined when the database is away, or has no such letter. */
  readonly facts: LetterFacts | undefined;
}

const UNKNOWN: Omit<LetterFacts, 'sender' | 'reference'> = {
  acceptedAt: undefined,
  published: true,
  status: undefined,
  refusal: undefined,
  routed: false,
  leg: undefined,
  awaited: undefined,
  effect: undefined,
  lane: undefined,
  parked: undefined,
  notice: 'none',
  setAside: undefined,
  strays: 0,
  pulledUntil: undefined,
  othersAnswered: false,
  usual: undefined,
};

/** Asks database, broker and Redis about one letter, each for itself: what is away only leaves its facts out, and is named. */
export async function investigate(settings: WhySettings, letterId: string): Promise<Findings> {
  const now = clockFrom({ start: settings.CLOCK_START, rate: settings.CLOCK_RATE }).now();
  const [fromDatabase, said] = await Promise.all([askDatabase(settings, letterId, now), askServices(settings)]);
  const facts = fromDatabase?.facts;
  const before: Situation = {
    ...UNKNOWN,
    ...facts,
    now,
    silent: [],
    retry: undefined,
    dead: undefined,
    services: {},
  };
  const broker = await askBroker(settings, letterId, before, fromDatabase);
  const silent: FactSource[] = [
    ...(fromDatabase === undefined ? ['database' as const] : []),
    ...(broker === undefined ? ['broker' as const] : []),
    ...(said === undefined ? ['health' as const] : []),
  ];
  const situation = {
    ...before,
    silent,
    retry: broker?.retry,
    dead: broker?.dead,
    services: together(said, broker),
  };
  return { situation, facts };
}

/** It answered; it need not know the letter. */
interface FromDatabase {
  readonly facts: LetterFacts | undefined;
}

async function askDatabase(
  { POSTGRES_URL }: WhySettings,
  letterId: string,
  now: Date,
): Promise<FromDatabase | undefined> {
  const database = await openReader(POSTGRES_URL, PATIENCE_MS).catch(() => undefined);
  if (database === undefined) return undefined;
  try {
    return { facts: await letterFacts(database, letterId, now) };
  } catch {
    return undefined;
  } finally {
    await database.destroy();
  }
}

/** Empty when the database has gone away meanwhile. */
async function askPositions({ POSTGRES_URL }: WhySettings): Promise<OwnPositions> {
  const database = await openReader(POSTGRES_URL, PATIENCE_MS).catch(() => undefined);
  if (database === undefined) return new Map();
  return ownPositions(database).finally(() => database.destroy());
}

async function ownPositions(database: Manager): Promise<OwnPositions> {
  const read = async ([turn, schema]: [string, string]): Promise<[Turn, Map<string, bigint>]> => {
    const rows = await database
      .query<{ topic: string; partition: number; next_offset: string }[]>(`SELECT * FROM ${schema}.consumed_offset`)
      .catch(() => []);
    return [turn as Turn, new Map(rows.map((row) => [`${row.topic}/${row.partition}`, BigInt(row.next_offset)]))];
  };
  return new Map(await Promise.all(Object.entries(POSITIONS).map(read)));
}

async function askServices({ REDIS_URL, TOPIC_PREFIX }: WhySettings): Promise<Situation['services'] | undefined> {
  if (REDIS_URL === undefined) return undefined;
  const redis = openRedis(REDIS_URL, createLogger('postgang', 'silent'));
  try {
    if (redis.status !== 'ready')
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('Redis does not answer')), PATIENCE_MS);
        redis.once('ready', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    return await serviceStates(redis, TOPIC_PREFIX);
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}

/** A letter at its end is not looked for; a receipt's record is keyed by its conversation. */
async function askBroker(
  settings: WhySettings,
  letterId: string,
  situation: Situation,
  fromDatabase: FromDatabase | undefined,
): Promise<BrokerFacts | undefined> {
  const kafka = kafkaClient(kafkaSettingsOf(settings), 'postgang', createLogger('postgang', 'silent'), { retries: 2 });
  const { leg, awaited, effect } = situation;
  const look = turnOf(situation) ?? (awaited === undefined ? undefined : 'receipts');
  const whose = {
    letterId,
    sender: fromDatabase?.facts?.sender,
    conversationId: conversationIdOf(letterId, leg?.n ?? 1),
    provider: leg?.provider ?? effect?.provider,
  };
  const positions = (): Promise<OwnPositions> =>
    fromDatabase === undefined ? Promise.resolve(new Map()) : askPositions(settings);
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), BROKER_PATIENCE_MS);
  });
  const asked = brokerFacts(kafka, settings.TOPIC_PREFIX, { whose, look, positions }).catch(() => undefined);
  return Promise.race([asked, patience]).finally(() => clearTimeout(timer));
}

/** A process that was killed is a member of its group for half a minute more, so what services say about themselves comes first. */
function together(said: Situation['services'] | undefined, broker: BrokerFacts | undefined): Situation['services'] {
  return Object.fromEntries(
    TURNS.flatMap((turn): [Turn, ServiceState][] => {
      const group = broker?.groups.get(turn);
      const alive = said?.[turn]?.alive ?? (group === undefined ? undefined : group.members > 0);
      const { stopped, down } = said?.[turn] ?? {};
      const state: ServiceState = {
        ...(alive === undefined ? {} : { alive }),
        ...(stopped === undefined ? {} : { stopped }),
        ...(down === undefined ? {} : { down }),
        ...(group === undefined ? {} : { behind: group.behind, restored: group.restored }),
      };
      return Object.keys(state).length === 0 ? [] : [[turn, state]];
    }),
  );
}
