import { isDay, statementHash } from '@postgang/evidence';
import { decode, POSTGANG_NAMESPACE, uuidv5 } from '@postgang/pipeline';
import { draft, kafkaClient, TopicReader, type Kafka, type Runtime } from '@postgang/runtime';

/** As it lies outside: anybody's word until it has been opened (given-out.ts). */
export interface PublishedRoot {
  readonly day: string;
  readonly statement: string;
  readonly hash: string;
}

const TOPIC = 'day.closed.v1';
/** One record a day lies there: ten years are 30 MB. */
const READ_WITHIN_MS = 30_000;
/** A minute of trying would be one in which the service cannot stop. */
const RETRIES = 2;

/** What the world has been told of days' roots, and telling it. */
export class PublishedRoots {
  private readonly kafka: Kafka;
  private readonly stopping = new AbortController();
  private readonly doubted = new Set<bigint>();

  constructor(private readonly runtime: Pick<Runtime, 'kafkaSettings' | 'log' | 'publisher'>) {
    this.kafka = kafkaClient(runtime.kafkaSettings, 'receipts.day-roots', runtime.log, { retries: RETRIES });
  }

  /** All that lie in the topic, in its order. Rejects when that cannot be found out in half a minute, or after `stop`. */
  async read(): Promise<PublishedRoot[]> {
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(READ_WITHIN_MS)]);
    const reader = await TopicReader.open(this.kafka, this.runtime.kafkaSettings.topicPrefix + TOPIC, signal);
    try {
      const found: PublishedRoot[] = [];
      await reader.read(await reader.ends(), ({ offset, value }) => {
        const root = rootIn(value);
        if (root !== undefined) found.push(root);
        else if (!this.doubted.has(offset)) {
          this.doubted.add(offset);
          this.runtime.log.warn({ topic: TOPIC, offset: String(offset) }, 'a record that tells of no day');
        }
      });
      return found;
    } finally {
      await reader.close();
    }
  }

  /** The same statement is the same event, however often it is told. Throws DependencyDown('kafka'). */
  publish(roots: readonly { readonly day: string; readonly statement: string }[]): Promise<void> {
    return this.runtime.publisher.publish(
      roots.map(({ day, statement }) =>
        draft(
          TOPIC,
          day,
          { day, statement },
          { id: uuidv5(POSTGANG_NAMESPACE, `${TOPIC}/${statementHash(statement)}`) },
        ),
      ),
    );
  }

  stop(): void {
    this.stopping.abort(new Error('the service stops'));
  }
}

function rootIn(value: Buffer | null): PublishedRoot | undefined {
  try {
    const { day, statement } = decode(TOPIC, value);
    return isDay(day) ? { day, statement, hash: statementHash(statement) } : undefined;
  } catch {
    // not ours: a newer version of us would have had its readers deployed first
    return undefined;
  }
}
