import { CAST, nationalIdOf, type DemoLetter, type Part } from '@postgang/demo';
import { decode, type LetterStatusChanged } from '@postgang/pipeline';
import type { World } from './world.js';

/** The smallest thing that is a PDF to whoever looks at its first bytes. */
export const PDF = Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');

export interface Sent {
  readonly part: Part;
  readonly letterId: string;
  readonly reference: string;
}

const AT_ONCE = 8;
const PATIENCE_MS = 90_000;

export function letterTo(part: Part, reference: string): DemoLetter {
  return {
    reference,
    nationalId: nationalIdOf(part.case),
    kind: part.kind,
    openingReceipt: part.openingReceipt ?? false,
    serviceMessage: part.serviceMessage ?? false,
    returnHandling: part.returnHandling ?? 'RETURN',
    documents: [{ title: 'Vedtak', content: PDF }],
  };
}

/** Hands in letters to the cast in turn, over both doors, each tried again until it is taken, as an agency does. */
export class Mailing {
  readonly sent: Sent[] = [];

  constructor(
    private readonly world: World,
    private readonly cast: readonly Part[] = CAST,
  ) {}

  async handIn(count: number, name: string, onEach: (sent: number) => void = () => undefined): Promise<void> {
    const next = Array.from({ length: count }, (_, index) => index);
    const one = async (index: number): Promise<void> => {
      const part = this.cast[index % this.cast.length] as Part;
      const letter = letterTo(part, `${name}-${index}`);
      const { agency } = this.world;
      const letterId = await insistently(this.world, async () => {
        if (part.door !== 'kafka') return agency.handInByRest(letter);
        const record = await agency.recordForKafka(letter);
        await this.world.write(record);
        return record.key;
      });
      if (part.end !== 'REFUSED') this.world.carried += 1;
      this.sent.push({ part, letterId, reference: letter.reference });
      onEach(this.sent.length);
    };
    const worker = async (): Promise<void> => {
      for (let index = next.shift(); index !== undefined; index = next.shift()) await one(index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** Every letter has reached the end that its recipient gives it. */
  async ended(timeoutMs: number): Promise<void> {
    const { statuses } = this.world;
    const last = new Map<string, LetterStatusChanged>();
    let read = 0;
    const open = (): Sent[] => {
      for (; read < statuses.records.length; read++) {
        const event = decode('letter.status.v1', statuses.records[read]?.value ?? null);
        if (event.seq >= (last.get(event.letterId)?.seq ?? 0)) last.set(event.letterId, event);
      }
      return this.sent.filter(({ part, letterId }) => last.get(letterId)?.status !== part.end);
    };
    await statuses.until(
      () => open().length === 0,
      timeoutMs,
      () =>
        `these have not ended: ${open()
          .map(({ part, letterId }) => `${letterId} ${part.case} ${last.get(letterId)?.status} instead of ${part.end}`)
          .join(', ')}\n${this.world.lastWords()}`,
    );
  }
}

/** The same reference is the same letter, so whoever got no answer asks again. A clear no is not asked twice. */
export async function insistently<T>(world: World, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const refused = / 4\d\d /.test((error as Error).message);
      if (refused) throw error;
      if (performance.now() > deadline)
        throw new Error(`in vain for ${PATIENCE_MS / 1_000} s. The services' last words:\n${world.lastWords()}`, {
          cause: error,
        });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
