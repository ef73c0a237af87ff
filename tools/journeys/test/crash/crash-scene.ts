import { CAST, type Part } from '@postgang/demo';
import { conversationIdOf, letterIdOf, messageIdOf, type ServiceName } from '@postgang/pipeline';
import { createLogger, kafkaClient } from '@postgang/runtime';
import { eventually } from '@postgang/testing';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { insistently, letterTo, type Mailing } from '../mailing.js';
import type { LoggedRecord, TopicLog } from '../topic-log.js';
import { AGENCY, type World } from '../world.js';
import type { CrashPoint, Door, Found } from './crash-points.js';

const PARTS: Readonly<Record<Door, Part>> = {
  REST: CAST.find(({ case: name }) => name === 'digipost') as Part,
  Kafka: CAST.find(({ door }) => door === 'kafka') as Part,
  'with a service message': CAST.find(({ serviceMessage }) => serviceMessage === true) as Part,
};

/** A service's own row about a letter, as one word. */
const ROWS: Readonly<Partial<Record<ServiceName, string>>> = {
  'integration-point': `SELECT CASE WHEN published_at IS NULL THEN 'not marked' ELSE 'marked' END AS is FROM integration_point.letter WHERE id = $1`,
  'register-lookup': 'SELECT rule AS is FROM register_lookup.route WHERE letter_id = $1',
  'provider-dispatch': `SELECT state || CASE WHEN done_at IS NULL THEN '' WHEN published_at IS NULL THEN ', not marked' ELSE ', marked' END AS is
    FROM provider_dispatch.effect WHERE letter_id = $1`,
  // accepted and routed lie in two topics: either can be told first
  receipts: `SELECT 'begun' AS is FROM receipts.history WHERE letter_id = $1 LIMIT 1`,
  notification: 'SELECT state AS is FROM notification.message WHERE letter_id = $1',
};

/** Time that a restarted service would wait out: whoever held these is dead. */
const TIME_PASSES: Readonly<Partial<Record<ServiceName, string>>> = {
  'provider-dispatch': `UPDATE provider_dispatch.effect SET lease_until = now() - interval '1 second' WHERE letter_id = $1 AND state = 'INTENDED'`,
  notification: `UPDATE notification.message SET intended_at = now() - interval '1 hour' WHERE letter_id = $1 AND state = 'intended'`,
};

/** A service starts in seconds; on a machine that has much else to do, in a minute. */
const DIES_WITHIN_MS = 150_000;

export interface Letter {
  readonly letterId: string;
  readonly reference: string;
  readonly part: Part;
}

/** One world in which services die at named points, and what lies there when they are dead. */
export class CrashScene {
  constructor(
    private readonly world: World,
    private readonly mailing: Mailing,
    /** Where the preloaded watcher is told what to do. */
    private readonly dir: string,
    private readonly database: pg.Client,
    private readonly log: TopicLog,
  ) {}

  /** Kills the service at the point, with a letter of its own, looks, and starts it again. Does not wait for the letter's end. */
  async crash(point: CrashPoint): Promise<{ letter: Letter; found: Found }> {
    const { service } = point;
    const part = PARTS[point.door];
    const reference = `${service}_${slug(point)}`;
    const letter = { letterId: letterIdOf(AGENCY, reference), reference, part };
    this.arm(point, letter);
    const handedIn = this.handIn(letter);
    const process_ = this.world.process(service);
    const dead = eventually(
      `${service} to die after "${point.after}"`,
      () => existsSync(join(this.dir, `${service}.died-${slug(point)}`)),
      DIES_WITHIN_MS,
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${this.world.lastWords()}`, { cause: error });
    });
    // a hand-in that is refused will kill nobody
    await Promise.race([dead, handedIn.then(() => dead)]);
    await process_.kill();
    const found = await this.look(point, letter);
    const passes = TIME_PASSES[service];
    if (passes !== undefined) await this.database.query(passes, [letter.letterId]);
    process_.start();
    await handedIn;
    return { letter, found };
  }

  private arm(point: CrashPoint, { letterId }: Letter): void {
    const keys = [letterId, conversationIdOf(letterId, 1), messageIdOf(letterId, 1)];
    const armed = JSON.stringify({ after: point.after, keys, died: `${point.service}.died-${slug(point)}` });
    writeFileSync(join(this.dir, `${point.service}.armed`), armed);
  }

  private async handIn({ letterId, reference, part }: Letter): Promise<void> {
    const { world } = this;
    const letter = letterTo(part, reference);
    await insistently(world, async () => {
      if (part.door !== 'kafka') return void (await world.agency.handInByRest(letter));
      await world.write(await world.agency.recordForKafka(letter));
    });
    world.carried += 1;
    this.mailing.sent.push({ part, letterId, reference });
  }

  private async look({ service, found }: CrashPoint, letter: Letter): Promise<Found> {
    return {
      ...(found.row === undefined ? {} : { row: await this.row(service, letter) }),
      ...(found.event === undefined ? {} : { event: await this.event(found.event.topic, letter) }),
      ...(found.committed === undefined
        ? {}
        : { committed: await this.committed(service, found.committed.topic, letter) }),
      ...(found.provider === undefined ? {} : { provider: await this.provider(letter, found.provider) }),
      ...(found.receiptsWait === undefined ? {} : { receiptsWait: (await this.counts()).receipts.waiting > 0 }),
    };
  }

  private async row(service: ServiceName, { letterId }: Letter): Promise<string> {
    const { rows } = await this.database.query<{ is: string }>(ROWS[service] ?? '', [letterId]);
    return rows[0]?.is ?? 'none';
  }

  private async event(topic: string, letter: Letter): Promise<NonNullable<Found['event']>> {
    return { topic, there: (await this.record(topic, letter)) !== undefined };
  }

  private async committed(service: string, topic: string, letter: Letter): Promise<NonNullable<Found['committed']>> {
    const record = await this.record(topic, letter);
    // it has not come so far
    if (record === undefined) return { topic, there: false };
    return this.withAdmin(async (admin) => {
      const [offsets] = await admin.fetchOffsets({
        groupId: this.prefixed(service),
        topics: [this.prefixed(record.topic)],
      });
      const place = offsets?.partitions.find(({ partition }) => partition === record.partition)?.offset ?? '-1';
      return { topic, there: BigInt(place) > BigInt(record.offset) };
    });
  }

  /** The letter's record in the topic, when all that lies there has been read. */
  private async record(topic: string, { letterId }: Letter): Promise<LoggedRecord | undefined> {
    const names = [topic, ...['digipost', 'eboks', 'print'].map((name) => topic.replace('<provider>', name))]
      .map((name) => name.replace('<orgnr>', AGENCY))
      .filter((name) => !name.includes('<'));
    const keys = [letterId, conversationIdOf(letterId, 1)];
    const found = (): LoggedRecord | undefined =>
      this.log.records.find((record) => names.includes(record.topic) && keys.includes(record.key));
    await this.withAdmin(async (admin) => {
      for (const name of new Set(names)) {
        const ends = await admin.fetchTopicOffsets(this.prefixed(name));
        const written = ends.reduce((sum, { high }) => sum + Number(high), 0);
        const read = (): number => this.log.records.filter((record) => record.topic === name).length;
        await eventually(`all ${written} records of ${name}`, () => found() !== undefined || read() >= written);
      }
    });
    return found();
  }

  private async provider({ letterId }: Letter, expected: boolean): Promise<boolean> {
    const has = async (): Promise<boolean> => {
      const query = `messageId=${messageIdOf(letterId, 1)}`;
      const answer = await fetch(`${this.world.sandbox.url}/admin/deliveries?${query}`);
      return ((await answer.json()) as unknown[]).length > 0;
    };
    // it goes on its way to the provider when the access point has answered
    if (expected) await eventually('the letter at the provider', has).catch(() => undefined);
    return has();
  }

  private async counts(): Promise<{ receipts: { waiting: number } }> {
    return (await fetch(`${this.world.sandbox.url}/admin/counts`)).json() as Promise<{ receipts: { waiting: number } }>;
  }

  private prefixed(name: string): string {
    return (this.world.settings['TOPIC_PREFIX'] ?? '') + name;
  }

  private async withAdmin<T>(
    work: (admin: ReturnType<ReturnType<typeof kafkaClient>['admin']>) => Promise<T>,
  ): Promise<T> {
    const brokers = (this.world.settings['KAFKA_BROKERS'] ?? '').split(',');
    const admin = kafkaClient({ brokers, topicPrefix: '' }, 'journey', createLogger('journey', 'silent')).admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

const slug = ({ way, after }: CrashPoint): string => `${way} ${after}`.replaceAll(/[^a-z]+/gi, '-');
