import { CAST, nationalIdOf, type Agency, type DemoLetter, type Part } from '@postgang/demo';
import { createLogger, kafkaClient, kafkaProducer, type Producer } from '@postgang/runtime';
import type { Settings } from '@postgang/launch';

export interface HandedIn {
  readonly letterId: string;
  readonly reference: string;
  readonly part: Part;
}

/** The smallest thing that is a PDF to whoever looks at its first bytes. */
const PDF = Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');
const AT_ONCE = 32;
/** Whoever got no answer in time asks again, while the first request may still be on its way. */
const ANSWER_MS = 15_000;
const AGAIN_MS = 250;
const GIVE_UP_MS = 300_000;

/** An agency's own system that is in earnest: both doors, any instance, each letter tried again under its reference until it is taken. */
export class HandIn {
  readonly letters: HandedIn[] = [];
  /** Those that were clearly refused: each is a difference, for all of them are good. */
  readonly refused: { readonly reference: string; readonly answer: string }[] = [];
  attempts = 0;

  private constructor(
    private readonly agencies: readonly Agency[],
    private readonly producer: Producer,
  ) {}

  static async open(agencies: readonly Agency[], settings: Settings): Promise<HandIn> {
    const brokers = (settings['KAFKA_BROKERS'] ?? '').split(',');
    const log = createLogger('chaos-agency', 'silent');
    const producer = kafkaProducer(kafkaClient({ brokers, topicPrefix: '' }, 'chaos-agency', log));
    await producer.connect();
    return new HandIn(agencies, producer);
  }

  /** So many, evenly over `ms`, and later where they are not taken that fast. `before` hears the number of each, from 1, before it is handed in. */
  async run(count: number, ms: number, before: (number: number) => void): Promise<void> {
    const began = performance.now();
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) {
        await sleep(began + (index / count) * ms - performance.now());
        before(index + 1);
        await this.one(index);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
  }

  close(): Promise<void> {
    return this.producer.disconnect();
  }

  private async one(index: number): Promise<void> {
    const part = CAST[index % CAST.length] as Part;
    const letter: DemoLetter = {
      reference: `chaos-${index + 1}`,
      nationalId: nationalIdOf(part.case),
      kind: part.kind,
      openingReceipt: part.openingReceipt ?? false,
      serviceMessage: part.serviceMessage ?? false,
      returnHandling: part.returnHandling ?? 'RETURN',
      documents: [{ title: 'Vedtak', content: PDF }],
    };
    const letterId =
      part.door === 'kafka'
        ? await this.overKafka(index, letter)
        : await this.insistently(index, letter, (agency) => agency.handInByRest(letter));
    if (letterId !== undefined) this.letters.push({ letterId, reference: letter.reference, part });
  }

  private async overKafka(index: number, letter: DemoLetter): Promise<string | undefined> {
    const record = await this.insistently(index, letter, (agency) => agency.recordForKafka(letter));
    if (record === undefined) return undefined;
    const { topic, key, value } = record;
    await this.insistently(index, letter, () => this.producer.send({ topic, acks: -1, messages: [{ key, value }] }));
    return key;
  }

  private async insistently<T>(
    index: number,
    { reference }: DemoLetter,
    work: (agency: Agency) => Promise<T>,
  ): Promise<T | undefined> {
    const deadline = performance.now() + GIVE_UP_MS;
    for (let attempt = 0; ; attempt++) {
      this.attempts++;
      try {
        return await within(ANSWER_MS, work(this.agencies[(index + attempt) % this.agencies.length] as Agency));
      } catch (error) {
        const { message } = error as Error;
        if (/: 4(?!08|29)\d\d /.test(message)) {
          this.refused.push({ reference, answer: message });
          return undefined;
        }
        if (performance.now() > deadline)
          throw new Error(`${reference} was not taken in five minutes`, { cause: error });
        await sleep(AGAIN_MS);
      }
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
