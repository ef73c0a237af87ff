import { randomUUID } from 'node:crypto';
import { receiptSbd, signSbd, TestAuthority, type ReceiptBody, type SigningIdentity } from '@postgang/document-package';
import type { ReceiptReceived } from '@postgang/pipeline';
import { createLogger, openDatabase, type Outcome, type Received } from '@postgang/runtime';
import { freshDatabase } from '@postgang/testing';
import { service } from '../src/index.js';
import { ReceiptsStage } from '../src/receipts.stage.js';
import { LetterFacts } from './letter-facts.js';

const AGENCY = '991825827';
const DIGIPOST = '984661185';
const PRINTER = '910076787';

export const digital = () => new LetterFacts(AGENCY, randomUUID(), 'DIGITAL_MAILBOX', 'digipost', DIGIPOST);
export const print = () => new LetterFacts(AGENCY, randomUUID(), 'PRINT', 'print', PRINTER);

/** The stage over a database of its own, given records as the runtime would, one batch after the other. */
export class StageRig {
  /** Since when the certificates of all signers count as revoked. */
  revokedSince: Date | undefined;
  private offset = 0n;
  private readonly signers = new Map<string, SigningIdentity>();
  private stage!: ReceiptsStage;

  private constructor(
    private readonly fresh: Awaited<ReturnType<typeof freshDatabase>>,
    readonly database: Awaited<ReturnType<typeof openDatabase>>,
  ) {}

  static async start(): Promise<StageRig> {
    const fresh = await freshDatabase();
    const { migrations } = service.database as NonNullable<typeof service.database>;
    const database = await openDatabase({
      ...{ url: fresh.url, schema: 'receipts', pool: 2, entities: [] },
      ...{ migrations, onStatement: () => undefined },
    });
    const rig = new StageRig(fresh, database);
    const authority = await TestAuthority.create();
    for (const one of [DIGIPOST, PRINTER]) rig.signers.set(one, await authority.issue(one, 'Provider'));
    rig.stage = new ReceiptsStage(
      { database, clock: { now: () => new Date() }, log: createLogger('receipts', 'silent') } as never,
      { RECEIPT_TRUST: authority.trust.map(String).join('') } as never,
      { lists: () => Promise.resolve({ revokedAt: () => rig.revokedSince }) } as never,
    );
    return rig;
  }

  async stop(): Promise<void> {
    await this.database.destroy();
    await this.fresh.drop();
  }

  /** What is published of a batch: subject and id of each event. */
  async handle(...batch: readonly Received[]): Promise<string[]> {
    const told = (outcome: Outcome): string[] =>
      outcome.kind === 'publish' ? outcome.events.map(({ subject, id }) => `${subject} ${id}`) : [];
    return (await this.stage.handle(batch)).flatMap(told);
  }

  accepted = (letter: LetterFacts) => this.record('letter.accepted.v1', letter.accepted());
  routed = (letter: LetterFacts) => this.record('letter.routed.v1', letter.routed());
  dispatch = (letter: LetterFacts, more = {}) =>
    this.record('letter.dispatch.v1', { ...letter.dispatch(), ...more }, letter.provider);
  dispatched = (letter: LetterFacts) => this.record('letter.dispatched.v1', letter.dispatched());

  /** `at`: when it says that it happened; `signedAt`: that it was signed. */
  async receipt(
    letter: LetterFacts,
    kind: ReceiptBody['kind'],
    at = new Date(),
    signedAt = new Date(),
  ): Promise<Received> {
    const head = { technicalSender: letter.organisation, receiver: '987464291', messageId: randomUUID() };
    const process = letter.channel === 'PRINT' ? 'utskrift' : 'digital';
    const raw = await signSbd(
      receiptSbd({ ...head, conversationId: letter.conversationId, createdAt: signedAt }, { kind, process, at }),
      this.signers.get(letter.organisation) as SigningIdentity,
    );
    return this.received(letter, { raw });
  }

  received(letter: LetterFacts, more: Partial<ReceiptReceived>): Received {
    const nothing = { raw: null, report: null, pulledUntil: null };
    const { provider, conversationId } = letter;
    const event = { provider, conversationId, ...nothing, receivedAt: Date.now(), ...more };
    return this.record('receipt.received.v1', event, provider);
  }

  record(subject: string, event: unknown, parameter?: string): Received {
    const place = { topic: subject, partition: 0, offset: (this.offset += 1n) };
    const source = { ...place, parameter, retried: false, replayed: false };
    return { ...{ id: randomUUID(), key: 'k', event, subject, attempt: 0, source } } as unknown as Received;
  }

  /** The stored receipts of a leg. */
  receiptsOf({ conversationId }: LetterFacts): Promise<{ problem: string | null; letter_id: string | null }[]> {
    return this.database.query('SELECT problem, letter_id FROM receipt WHERE conversation_id = $1', [conversationId]);
  }
}
