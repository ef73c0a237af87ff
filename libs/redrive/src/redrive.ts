import { type KeyRing } from '@postgang/outside';
import { deadLetterTopic, retryTopic, RETRY_TIERS, SERVICES, type ServiceName } from '@postgang/pipeline';
import {
  BatchingSender,
  kafkaProducer,
  openDatabase,
  TopicReader,
  type Kafka,
  type LyingRecord,
} from '@postgang/runtime';
import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { Plans1765000000000 } from './db/1-plans.migration.js';
import {
  addStep,
  cancelRecords,
  findPlan,
  insertPlan,
  listPlans,
  recordsOf,
  sentUnreleased,
  setState,
  stepsOf,
  type PlanState,
  type Step,
  type StoredPlan,
  type StoredRecord,
} from './db/store.js';
import { loadWorld, withLetters } from './db/world.js';
import { describe } from './describe.js';
import { NotAllowed, RedriveError } from './errors.js';
import { matches, type Described, type Filter } from './filter.js';
import type { Asked } from './judge.js';
import { drawUp, hashOf, type Plan } from './plan.js';
import { carryOut, publishEvents, settle, tell, type Progress, type RunParts } from './run.js';

export interface RedriveParts {
  readonly postgresUrl: string;
  readonly kafka: Kafka;
  readonly topicPrefix: string;
  /** Scope `internal` opens what lies sealed. */
  readonly keys: KeyRing;
}

export interface WholePlan extends StoredPlan {
  readonly records: readonly StoredRecord[];
  readonly steps: readonly Step[];
  /** The plan is not what it was when it was drawn up: somebody has changed it in the database. */
  readonly altered: boolean;
}

export interface Wanted {
  readonly service: ServiceName;
  readonly filter: Filter;
  readonly leavePastDeadline: boolean;
  readonly alsoFailed: boolean;
  readonly releaseAbove: number;
}

export interface RunOptions {
  /** Records a second. */
  readonly rate: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: Progress) => void;
}

const MOST_RECORDS = 100_000;
const MOST_PLANS = 50;
const UNRELEASED_HOURS = 24;
/** First key of the advisory locks that keep two runs for one service apart. */
const RUN_LOCK = 0x72656472;
const OPERATOR_ID = /^[a-z][a-z0-9._-]{1,39}$/;

/** Plans may go on from these states; what a run left when it died is RUNNING still. */
const MAY_RUN: readonly PlanState[] = ['PLANNED', 'RELEASED', 'RUNNING'];
const OPEN: readonly PlanState[] = ['PLANNED', 'RELEASED', 'RUNNING', 'PAUSED'];

/** Lower case, and no more than an id may be: it goes into the letters' histories. Throws RedriveError. */
export function operatorId(name: string): string {
  const id = name.trim().toLowerCase();
  if (!OPERATOR_ID.test(id))
    throw new RedriveError('an operator id begins with a letter and has 2 to 40 letters a–z, digits, dots, hyphens');
  return id;
}

/** Dead letters, and plans to send them again: for the command line and the console. Every method may throw DependencyDown. */
export class Redrive {
  private constructor(
    private readonly parts: RedriveParts,
    private readonly source: DataSource,
    private readonly sender: BatchingSender,
    private readonly disconnect: () => Promise<void>,
  ) {}

  /** Makes the schema `operations` when this is the first to come. */
  static async open(parts: RedriveParts): Promise<Redrive> {
    const producer = kafkaProducer(parts.kafka);
    await producer.connect();
    try {
      const source = await openDatabase({
        url: parts.postgresUrl,
        schema: 'operations',
        // one of them holds the lock of a run
        pool: 3,
        entities: [],
        migrations: [Plans1765000000000],
        onStatement: () => undefined,
      });
      return new Redrive(parts, source, new BatchingSender(producer, parts.topicPrefix), () => producer.disconnect());
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.disconnect();
    await this.source.destroy();
  }

  /** Draws a plan up and keeps it. Nothing is sent. Throws RedriveError when there is nothing, or too much. */
  async plan(wanted: Wanted, by: string): Promise<WholePlan> {
    const { service, filter, releaseAbove, leavePastDeadline, alsoFailed } = wanted;
    const reader = await this.reader(deadLetterTopic(service));
    try {
      const ends = await (filter.since === undefined ? reader.ends() : reader.endsSince(filter.since));
      const dead: Described[] = [];
      // which letter a receipt is about is known only afterwards
      await reader.read(ends, keeping(service, { ...filter, letter: undefined }, dead));
      const described = await withLetters(this.source.manager, dead);
      const meant = described.filter((one) => matches(filter, one));
      if (meant.length === 0) throw new RedriveError('there are no such dead letters');
      const asked: Asked = { leavePastDeadline, alsoFailed, canOpen: this.parts.keys.has('internal') };
      const head = {
        id: randomUUID(),
        service,
        filter,
        asked,
        ends,
        plannedBy: by,
        plannedAt: new Date(),
        releaseAbove,
      };
      const knownOf = await loadWorld(this.source.manager, service, meant);
      const plan: Plan = { ...head, records: drawUp(meant, head, knownOf) };
      await this.source.transaction(async (manager) => {
        await insertPlan(manager, plan, hashOf(plan));
        await addStep(manager, plan.id, by, 'plan', { records: plan.records.length });
        const stored = await this.get(manager, plan.id);
        await tell(manager, stored, toSend(await recordsOf(manager, plan.id)), 'PLANNED');
      });
      await this.publish();
      return await this.show(plan.id);
    } finally {
      await reader.close();
    }
  }

  async show(id: string): Promise<WholePlan> {
    const plan = await this.get(this.source.manager, id);
    const records = await recordsOf(this.source.manager, id);
    return { ...plan, records, steps: await stepsOf(this.source.manager, id), altered: isAltered(plan, records) };
  }

  /** The newest first. */
  list(): Promise<StoredPlan[]> {
    return listPlans(this.source.manager, MOST_PLANS);
  }

  /** By another person than the planner, who has seen what the hash stands for. Throws NotAllowed. */
  async release(id: string, by: string, hash?: string): Promise<void> {
    await this.source.transaction(async (manager) => {
      const plan = await this.get(manager, id, true);
      if (plan.state !== 'PLANNED') throw new RedriveError(`the plan is ${plan.state}`);
      if (plan.plannedBy === by) throw new NotAllowed('whoever planned it may not release it');
      const records = await recordsOf(manager, id);
      if (isAltered(plan, records)) throw new NotAllowed('the plan was changed since it was drawn up');
      if (hash !== undefined && hash !== plan.hash) throw new NotAllowed('this is not the plan of that hash');
      await setState(manager, id, 'RELEASED');
      await addStep(manager, id, by, 'release', { hash: plan.hash });
      await tell(manager, plan, toSend(records), 'RELEASED');
    });
    await this.publish();
  }

  /** Carries the plan out; true: it is done. Again on a plan that is done, it does nothing. Throws NotAllowed, and RedriveError. */
  async run(id: string, by: string, options: RunOptions): Promise<boolean> {
    return this.carry(id, by, MAY_RUN, 'run', options);
  }

  /** Goes on with a paused plan. */
  async resume(id: string, by: string, options: RunOptions): Promise<boolean> {
    return this.carry(id, by, ['PAUSED'], 'resume', options);
  }

  /** A run that is going on ends after the records it has in hand. */
  async pause(id: string, by: string): Promise<void> {
    await this.source.transaction(async (manager) => {
      const plan = await this.get(manager, id, true);
      if (plan.state !== 'RUNNING') throw new RedriveError(`the plan is ${plan.state}`);
      await setState(manager, id, 'PAUSED');
      await addStep(manager, id, by, 'pause');
    });
  }

  /** For good. What was sent stays sent; said again, it settles what a run left that died meanwhile. */
  async cancel(id: string, by: string): Promise<void> {
    await this.source.transaction(async (manager) => {
      const plan = await this.get(manager, id, true);
      if (plan.state === 'CANCELLED') return;
      if (!OPEN.includes(plan.state)) throw new RedriveError(`the plan is ${plan.state}`);
      const records = await cancelRecords(manager, id);
      await setState(manager, id, 'CANCELLED');
      await addStep(manager, id, by, 'cancel', { records: records.length });
      await tell(manager, plan, records, 'CANCELLED');
    });
    const plan = await this.get(this.source.manager, id);
    // a run that holds the lock marks what it has in hand itself
    await this.locked(plan.service, (manager) => settle(plan, this.runParts(manager, plan, by), 'CANCELLED'));
    await this.publish();
  }

  private async carry(
    id: string,
    by: string,
    from: readonly PlanState[],
    action: string,
    { rate, signal, onProgress }: RunOptions,
  ): Promise<boolean> {
    const { service } = await this.get(this.source.manager, id);
    const reader = await this.reader(deadLetterTopic(service));
    try {
      const held = await this.locked(service, async (manager) => {
        const plan = await this.begin(manager, id, by, from, action, rate);
        if (plan === undefined) return true;
        const parts = { ...this.runParts(manager, plan, by), dead: reader, rate, signal, onProgress };
        await carryOut(plan, parts);
        return (await this.get(manager, id)).state === 'DONE';
      });
      if (held === undefined) throw new RedriveError(`another run for ${service} is going on`);
      return held;
    } finally {
      await reader.close();
    }
  }

  /** Undefined: it is done already. */
  private begin(
    manager: EntityManager,
    id: string,
    by: string,
    from: readonly PlanState[],
    action: string,
    rate: number,
  ): Promise<StoredPlan | undefined> {
    return manager.transaction(async (inside) => {
      const plan = await this.get(inside, id, true);
      if (plan.state === 'DONE') return undefined;
      if (!from.includes(plan.state)) throw new RedriveError(`the plan is ${plan.state}`);
      if (plan.state === 'PLANNED') await this.allow(inside, plan);
      if (isAltered(plan, await recordsOf(inside, id)))
        throw new NotAllowed('the plan was changed since it was drawn up');
      await setState(inside, id, 'RUNNING');
      await addStep(inside, id, by, action, { rate });
      return plan;
    });
  }

  /** Many small plans are a large one: those of a day that the planner has run without release count together. */
  private async allow(manager: EntityManager, plan: StoredPlan): Promise<void> {
    const { toSend: here, releaseAbove } = plan;
    const before = await sentUnreleased(manager, plan, UNRELEASED_HOURS);
    if (here > 0 && before + here > releaseAbove)
      throw new NotAllowed(
        `it would send ${here} records${before === 0 ? '' : `, after ${before} of ${UNRELEASED_HOURS} hours`}: above ${releaseAbove} a second person must release it`,
      );
  }

  private async get(manager: EntityManager, id: string, lock = false): Promise<StoredPlan> {
    const plan = UUID.test(id) ? await findPlan(manager, id, lock) : undefined;
    if (plan === undefined) throw new RedriveError('there is no such plan');
    return plan;
  }

  private runParts(manager: EntityManager, { service }: StoredPlan, by: string) {
    const { keys } = this.parts;
    const openTier = (): Promise<TopicReader> => this.reader(retryTopic(service, RETRY_TIERS[0].tier));
    return { manager, openTier, sender: this.sender, keys, by } satisfies Partial<RunParts>;
  }

  private reader(topic: string): Promise<TopicReader> {
    return TopicReader.open(this.parts.kafka, this.parts.topicPrefix + topic);
  }

  private publish(): Promise<void> {
    return publishEvents({ manager: this.source.manager, sender: this.sender });
  }

  /** All of it on the one connection that holds the lock: when that is lost, so is the right to go on. Undefined: somebody else has it. */
  private async locked<T>(service: ServiceName, work: (manager: EntityManager) => Promise<T>): Promise<T | undefined> {
    const runner: QueryRunner = this.source.createQueryRunner();
    const keys = [RUN_LOCK, SERVICES.indexOf(service)];
    try {
      const [row] = await runner.manager.query<{ held: boolean }[]>(
        'SELECT pg_try_advisory_lock($1::int, $2::int) AS held',
        keys,
      );
      if (row?.held !== true) return undefined;
      try {
        return await work(runner.manager);
      } finally {
        await runner.manager.query('SELECT pg_advisory_unlock($1::int, $2::int)', keys).catch(() => undefined);
      }
    } finally {
      await runner.release();
    }
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const toSend = (records: readonly StoredRecord[]): StoredRecord[] =>
  records.filter(({ decision }) => decision === 'send');
const isAltered = (plan: StoredPlan, records: readonly StoredRecord[]): boolean =>
  hashOf({ ...plan, records }) !== plan.hash || toSend(records).length !== plan.toSend;

function keeping(service: ServiceName, filter: Filter, list: Described[]): (record: LyingRecord) => void {
  return (record) => {
    const dead = describe(service, record);
    if (matches(filter, dead)) list.push(dead);
    if (list.length > MOST_RECORDS)
      throw new RedriveError(
        `there are more than ${MOST_RECORDS} such dead letters: narrow it, by --since for instance`,
      );
  };
}
