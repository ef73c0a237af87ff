import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { topicName } from '@postgang/pipeline';
import { classifyDatabaseError, RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import { Patience, PATIENCE_MS } from '../patience.js';
import { INGRESS_KEY_ID } from './agency-register.js';
import { existingTopics, followAgencies } from './agency-topics.js';

interface AgencyRow {
  readonly orgnr: string;
  readonly name: string;
  readonly kafka: boolean;
  readonly ingress_key: Buffer | null;
  readonly suppliers: readonly string[];
}

const AGENCIES = `
  SELECT orgnr, name, kafka, ingress_key, ARRAY(SELECT supplier FROM delegation d WHERE d.agency = a.orgnr) AS suppliers
  FROM agency a`;
const EVERY_MS = 2_000;
const TOPICS_EVERY_MS = 30_000;

/** Who may hand in letters, held in memory and read anew every two seconds: a withdrawn agency or delegation ends that soon. */
@Injectable()
export class AgencyDirectory implements OnApplicationBootstrap, OnModuleDestroy {
  private agencies: ReadonlyMap<string, AgencyRow> = new Map();
  /** The sealed key of each agency that was last tried. */
  private readonly tried = new Map<string, string>();
  private topics: { readonly names: ReadonlySet<string>; readonly readAt: number } = {
    names: new Set(),
    readAt: -Infinity,
  };
  private worker: Worker | undefined;
  private readonly database = new Patience('postgres', PATIENCE_MS);
  private loading: Promise<void> | undefined;
  private looking: Promise<void> | undefined;

  constructor(@Inject(RUNTIME) private readonly runtime: Runtime) {}

  onApplicationBootstrap(): void {
    this.worker = startWorker('agencies', EVERY_MS, () => this.turn(), this.runtime.log);
  }

  async onModuleDestroy(): Promise<void> {
    await this.worker?.stop();
  }

  /** Undefined for an organisation that is no agency of ours. One that was added a moment ago is found at once. Throws DependencyDown. */
  async find(orgnr: string): Promise<AgencyRow | undefined> {
    // a look that has begun may be too old to have seen it
    if (!this.agencies.has(orgnr)) await this.loading?.catch(() => undefined);
    if (!this.agencies.has(orgnr)) await this.load();
    return this.agencies.get(orgnr);
  }

  /** The agency has its own topics. */
  async usesKafka(orgnr: string): Promise<boolean> {
    return (await this.find(orgnr))?.kafka ?? false;
  }

  /**
   * The agency's status topic is there. Writing to one that is gone would fail the whole request, again and again, and everybody's records in it.
   * One that was made a moment ago is found at once; that one is gone is known within half a minute, which the request waits out.
   */
  async hasStatusTopic(orgnr: string): Promise<boolean> {
    const topic = topicName('letter.status.v1.<orgnr>', orgnr);
    const age = performance.now() - this.topics.readAt;
    if (age > TOPICS_EVERY_MS || (age > EVERY_MS && !this.topics.names.has(topic))) await this.lookAtTopics();
    return this.topics.names.has(topic);
  }

  /** Of an agency that {@link find} has found. */
  nameOf(orgnr: string): string | undefined {
    return this.agencies.get(orgnr)?.name;
  }

  private async turn(): Promise<boolean> {
    await this.load();
    const wanted = [...this.agencies.values()].filter(({ kafka }) => kafka).map(({ orgnr }) => orgnr);
    await followAgencies(this.runtime, wanted.sort());
    return false;
  }

  /** A whole batch asks at the same time, and each look is a connection of its own. */
  private lookAtTopics(): Promise<void> {
    this.looking ??= existingTopics(this.runtime)
      .then((names) => void (this.topics = { names, readAt: performance.now() }))
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  private load(): Promise<void> {
    this.loading ??= this.read().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async read(): Promise<void> {
    const rows = await this.database
      .wait(() => this.runtime.database.query<AgencyRow[]>(AGENCIES))
      .catch((error: unknown) => {
        throw classifyDatabaseError(error);
      });
    for (const row of rows) this.openKey(row);
    this.agencies = new Map(rows.map((row) => [row.orgnr, row]));
  }

  /** One that cannot be opened concerns its own agency only: its records wait in the retry tiers, everybody's letters go on. */
  private openKey({ orgnr, ingress_key: sealed }: AgencyRow): void {
    const version = sealed?.toString('base64');
    if (sealed === null || version === undefined || this.tried.get(orgnr) === version) return;
    this.tried.set(orgnr, version);
    try {
      const key = Buffer.from(this.runtime.keys.open('internal', orgnr, 'ingress-key', sealed), 'base64');
      this.runtime.keys.add(`agency:${orgnr}`, INGRESS_KEY_ID, new Map([[INGRESS_KEY_ID, key]]));
    } catch (error) {
      this.runtime.log.error({ orgnr, err: error }, 'the ingress key of an agency cannot be opened');
    }
  }
}
