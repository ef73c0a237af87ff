import { receiptSbd, signSbd, type ReceiptBody, type SigningIdentity } from '@postgang/document-package';
import type { Clock } from '@postgang/outside';
import { uuidv5 } from '@postgang/pipeline';
import type { Inbox } from '../access-point/inbox.js';
import type { AcceptedLetter } from '../access-point/letter.js';
import type { Faults, FaultySystem } from '../admin/faults.js';

export type ReceiptKind = ReceiptBody['kind'];

/** A receipt a provider is going to send. */
export interface PlannedReceipt {
  readonly kind: ReceiptKind;
  readonly extra?: Record<string, string>;
  /** Which step of the letter's life it is: each step takes the configured delay once more. */
  readonly step: number;
  /** Not before this moment of business time (an opening waits for virkningstidspunkt). */
  readonly notBefore?: Date;
}

export interface ReceiptDeskParts {
  readonly identities: ReadonlyMap<string, SigningIdentity>;
  readonly inbox: Inbox;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly delayMs: number;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Signs planned receipts when they are due and puts them into the sender's inbox. */
export class ReceiptDesk {
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Another one after each {@link clear}: what was begun before is dropped. */
  private generation = 0;

  constructor(private readonly parts: ReceiptDeskParts) {}

  send(letter: AcceptedLetter, provider: FaultySystem, plan: readonly PlannedReceipt[]): void {
    // signing takes its time in another thread; one letter's receipts keep their order all the same
    let before = Promise.resolve();
    const { generation } = this;
    const order = plan.length > 1 && this.parts.faults.hits(provider, 'reorder') ? backwards(plan) : plan;
    for (const receipt of order)
      this.later(this.delayOf(receipt), () => {
        before = before.then(() =>
          generation === this.generation ? this.write(letter, provider, receipt) : undefined,
        );
        return before;
      });
  }

  /** Nothing more is sent of the letters until now. */
  clear(): void {
    this.generation += 1;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private delayOf({ step, notBefore }: PlannedReceipt): number {
    const wait = notBefore === undefined ? 0 : notBefore.getTime() - this.parts.clock.now().getTime();
    return Math.max(0, wait) + step * this.parts.delayMs;
  }

  private later(delayMs: number, work: () => Promise<void>): void {
    // a timer cannot wait longer, and no run of the sandbox lasts 24 days
    if (delayMs > MAX_TIMER_MS) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      void work();
    }, delayMs);
    this.timers.add(timer);
  }

  private async write(letter: AcceptedLetter, provider: FaultySystem, receipt: PlannedReceipt): Promise<void> {
    const { faults } = this.parts;
    // a provider that is off sends what has become due when it is back
    const off = faults.offForMs(provider);
    if (off > 0) return this.later(off, () => this.write(letter, provider, receipt));
    if (faults.hits(provider, 'silent')) return this.parts.inbox.lose(letter.conversationId, receipt.kind);
    const late = faults.strike(provider, 'delay');
    if (late !== undefined) return this.later(late.ms, () => this.put(letter, provider, receipt, ''));
    await this.put(letter, provider, receipt, '');
    if (faults.hits(provider, 'duplicate')) await this.put(letter, provider, receipt, '/again');
  }

  private async put(
    letter: AcceptedLetter,
    provider: FaultySystem,
    receipt: PlannedReceipt,
    again: string,
  ): Promise<void> {
    const { faults, inbox, clock } = this.parts;
    const at = clock.now();
    const { kind, extra } = receipt;
    // the same letter gives the same receipt ids in every run
    const id = uuidv5(letter.conversationId, `${kind}/${extra?.['varslingskanal'] ?? ''}${again}`);
    const conversationId = faults.hits(provider, 'unknown-conversation')
      ? uuidv5(letter.conversationId, 'unknown')
      : letter.conversationId;
    const sbd = receiptSbd(
      {
        technicalSender: letter.receiver,
        receiver: letter.technicalSender,
        messageId: id,
        conversationId,
        createdAt: at,
      },
      { kind, process: letter.type, at, ...(extra === undefined ? {} : { extra }) },
    );
    const { generation } = this;
    const jws = await signSbd(sbd, this.signer(letter.receiver, provider));
    if (generation !== this.generation) return;
    inbox.add({
      id,
      kind,
      technicalSender: letter.technicalSender,
      queue: letter.queue,
      senderUnit: letter.senderUnit,
      jws: faults.hits(provider, 'bad-signature') ? withOtherSignature(jws) : jws,
    });
  }

  /** `bad-signer`: a good certificate of somebody else, so that only the question "is this the provider of that leg?" finds it out. */
  private signer(receiver: string, provider: FaultySystem): SigningIdentity {
    const own = this.parts.identities.get(receiver) as SigningIdentity;
    if (!this.parts.faults.hits(provider, 'bad-signer')) return own;
    return [...this.parts.identities].find(([organisation]) => organisation !== receiver)?.[1] ?? own;
  }
}

/** The steps keep their times, and other receipts come at them; an opening still waits until the letter may be seen. */
function backwards(plan: readonly PlannedReceipt[]): readonly PlannedReceipt[] {
  const steps = plan.map(({ step }) => step);
  return plan.toReversed().map((receipt, index) => ({ ...receipt, step: steps[index] as number }));
}

function withOtherSignature(jws: string): string {
  const at = jws.lastIndexOf('.') + 10;
  return `${jws.slice(0, at)}${jws[at] === 'A' ? 'B' : 'A'}${jws.slice(at + 1)}`;
}
