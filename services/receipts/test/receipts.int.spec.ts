import 'reflect-metadata';
import { randomUUID, type X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  receiptSbd,
  signSbd,
  TestAuthority,
  type ReceiptBody,
  type RevokedCertificate,
  type SigningIdentity,
} from '@postgang/document-package';
import { openDayRoot } from '@postgang/evidence';
import { decode, takesIn, TOPICS, type LetterNotify, type LetterStatusChanged } from '@postgang/pipeline';
import {
  BatchingSender,
  createLogger,
  createTopics,
  draft,
  kafkaClient,
  kafkaProducer,
  Publisher,
  stagePatterns,
  startService,
  type Draft,
} from '@postgang/runtime';
import { dayAfter, osloDay } from '@postgang/rules';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { PublishedRoots } from '../src/day-roots/published-roots.js';
import { KafkaPosition } from '../src/expectations/own-position.js';
import { service, verifyHistory, type HistoryEntry } from '../src/index.js';
import { ReceiptsStage } from '../src/receipts.stage.js';
import { LetterFacts } from './letter-facts.js';

const AGENCY = '991825827';
const DIGIPOST = '984661185';
const EBOKS = '996460320';
const PRINTER = '910076787';
const OPERATOR = '987464291';

const prefix = uniquePrefix();
const statuses: LetterStatusChanged[] = [];
const notifications: LetterNotify[] = [];
const managementUrls: string[] = [];
let closing: (() => Promise<unknown>)[] = [];
let database: pg.Client;
let publisher: Publisher;
let sender: BatchingSender;
let kafka: ReturnType<typeof kafkaClient>;
let signers: Record<string, SigningIdentity>;
let stranger: SigningIdentity;
let stolen: SigningIdentity;
let authority: TestAuthority;
let crls: string;

beforeAll(async () => {
  const { brokers } = testServers();
  const log = createLogger('receipts', 'silent');
  kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'receipts-spec', log);
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  authority = await TestAuthority.create();
  signers = Object.fromEntries(
    await Promise.all(
      [DIGIPOST, EBOKS, PRINTER].map(async (number) => [number, await authority.issue(number, 'Provider')] as const),
    ),
  );
  const operator = await authority.issue(OPERATOR, 'Operator');
  stolen = await authority.issue(DIGIPOST, 'Provider');
  crls = mkdtempSync(join(tmpdir(), 'crls-'));
  closing.push(async () => rmSync(crls, { recursive: true, force: true }));
  await revoke([]);
  stranger = await (await TestAuthority.create('Somebody else')).issue(DIGIPOST, 'Not Digipost');
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  sender = new BatchingSender(producer, prefix);
  publisher = new Publisher('integration-point', sender);
  const environment = {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    POSTGRES_URL: fresh.url,
    LOG_LEVEL: 'fatal',
    RECEIPT_TRUST: authority.trust.map(String).join('\n'),
    OPERATOR_KEY: String(operator.key.export({ type: 'pkcs8', format: 'pem' })),
    OPERATOR_CHAIN: operator.certificates.map(String).join('\n'),
    RECEIPT_CRLS: crls,
    RECEIPT_CRLS_EVERY_MS: '50',
    DEADLINES_EVERY_MS: '50',
    DAY_ROOTS_EVERY_MS: '200',
  };
  // two, so that a letter's facts and its receipts are often in different hands
  for (let instance = 1; instance <= 2; instance++) {
    const running = await startService(service, environment);
    managementUrls.push(running.managementUrl);
    closing.push(() => running.stop());
  }
  database = new pg.Client({ connectionString: fresh.url });
  await database.connect();
  closing.push(() => database.end());
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  await consumer.subscribe({
    topics: [`${prefix}letter.status.v1`, `${prefix}letter.notify.v1`],
    fromBeginning: true,
  });
  await consumer.run({
    eachMessage: ({ topic, message }) => {
      if (topic.endsWith('letter.status.v1')) statuses.push(decode('letter.status.v1', message.value));
      else notifications.push(decode('letter.notify.v1', message.value));
      return Promise.resolve();
    },
  });
}, 60_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
}, 30_000);

async function revoke(revoked: readonly RevokedCertificate[]): Promise<void> {
  const lists = await authority.revocationLists(revoked);
  for (const [index, list] of lists.entries()) writeFileSync(join(crls, `${index}.crl`), list);
}

const send = (...drafts: Draft[]): Promise<void> =>
  publisher.publish(drafts.map((one) => ({ ...one, id: one.id ?? randomUUID() })));
const digital = (): LetterFacts => new LetterFacts(AGENCY, randomUUID(), 'DIGITAL_MAILBOX', 'digipost', DIGIPOST);
const print = (): LetterFacts => new LetterFacts(AGENCY, randomUUID(), 'PRINT', 'print', PRINTER);

const accepted = (letter: LetterFacts, more = {}): Draft =>
  draft('letter.accepted.v1', letter.letterId, letter.accepted(more));
const routed = (letter: LetterFacts): Draft => draft('letter.routed.v1', letter.letterId, letter.routed());
const dispatch = (letter: LetterFacts): Draft =>
  draft('letter.dispatch.<provider>.v1', letter.letterId, letter.dispatch(), { parameter: letter.provider });
const dispatched = (letter: LetterFacts): Draft => draft('letter.dispatched.v1', letter.letterId, letter.dispatched());

function rawReceipt(
  letter: LetterFacts,
  kind: ReceiptBody['kind'],
  signer?: SigningIdentity,
  createdAt = new Date(),
): Promise<string> {
  const sbd = receiptSbd(
    {
      technicalSender: letter.organisation,
      receiver: OPERATOR,
      messageId: randomUUID(),
      conversationId: letter.conversationId,
      createdAt,
    },
    {
      kind,
      process: letter.channel === 'PRINT' ? 'utskrift' : 'digital',
      at: createdAt,
      ...(kind === 'varslingfeiletkvittering' ? { extra: { varslingskanal: 'epost' } } : {}),
    },
  );
  return signSbd(sbd, signer ?? (signers[letter.organisation] as SigningIdentity));
}

const received = (letter: LetterFacts, raw: string): Draft =>
  draft(
    'receipt.received.<provider>.v1',
    letter.conversationId,
    {
      provider: letter.provider,
      conversationId: letter.conversationId,
      raw,
      report: null,
      pulledUntil: null,
      receivedAt: Date.now(),
    },
    { parameter: letter.provider },
  );

const receipt = async (letter: LetterFacts, kind: ReceiptBody['kind'], signer?: SigningIdentity): Promise<Draft> =>
  received(letter, await rawReceipt(letter, kind, signer));

const told = (letter: LetterFacts, status: string): Promise<LetterStatusChanged> =>
  eventually(`${status} of ${letter.letterId}`, () =>
    statuses.find((one) => one.letterId === letter.letterId && one.status === status),
  );

async function history(letter: LetterFacts): Promise<HistoryEntry[]> {
  const { rows } = await database.query<HistoryEntry & { letter_id: string; event_id: string }>(
    'SELECT * FROM history_api_v1.history WHERE letter_id = $1 ORDER BY seq',
    [letter.letterId],
  );
  return rows.map((row) => ({ ...row, letterId: row.letter_id, eventId: row.event_id, cause: row.event_id }));
}
const kinds = async (letter: LetterFacts): Promise<string[]> => (await history(letter)).map(({ kind }) => kind);

/** What was sent on different topics is read in any order: waits for as many entries, and says which they are. */
const sortedKinds = (letter: LetterFacts, count: number): Promise<string[]> =>
  eventually(`${count} entries of ${letter.letterId}`, async () => {
    const found = await kinds(letter);
    return found.length >= count ? found.sort() : undefined;
  });

const storedReceipt = (raw: string): Promise<Record<string, unknown>> =>
  eventually('the receipt in its table', async () => {
    const { rows } = await database.query<Record<string, unknown>>('SELECT * FROM receipts.receipt WHERE raw = $1', [
      raw,
    ]);
    return rows[0];
  });

describe('receipts', () => {
  it('follows a digital letter to DELIVERED and OPENED, with a history whose chain holds', async () => {
    const letter = digital();
    await send(accepted(letter));
    await told(letter, 'ACCEPTED');
    await send(routed(letter));
    await told(letter, 'ROUTED');
    await send(dispatch(letter));
    await told(letter, 'SEALED');
    await send(dispatched(letter));
    await told(letter, 'HANDED_OVER');
    await send(await receipt(letter, 'leveringskvittering'));
    const delivered = await told(letter, 'DELIVERED');
    expect(delivered).toMatchObject({
      sender: AGENCY,
      reference: letter.reference,
      leg: 1,
      channel: 'DIGITAL_MAILBOX',
      provider: 'digipost',
    });
    await send(await receipt(letter, 'aapningskvittering'));
    const opened = await told(letter, 'OPENED');
    expect(opened.seq).toBeGreaterThan(delivered.seq);
    const { rows } = await database.query<{ head_hash: Buffer; status: string }>(
      'SELECT head_hash, status FROM history_api_v1.letter WHERE id = $1',
      [letter.letterId],
    );
    expect(rows[0]?.status).toBe('OPENED');
    expect(verifyHistory(letter.letterId, await history(letter), rows[0]?.head_hash)).toBeUndefined();
    const expectations = await database.query(
      'SELECT 1 FROM receipts.expectation WHERE letter_id = $1 AND met_at IS NULL',
      [letter.letterId],
    );
    expect(expectations.rowCount).toBe(0);
  });

  it('keeps the signed receipts with their certificates for the archive', async () => {
    const letter = digital();
    const raw = await rawReceipt(letter, 'leveringskvittering');
    await send(accepted(letter), routed(letter), received(letter, raw));
    await told(letter, 'DELIVERED');
    const { rows } = await database.query<Record<string, string>>(
      'SELECT raw, certificates, kind FROM history_api_v1.receipt WHERE letter_id = $1',
      [letter.letterId],
    );
    expect(rows).toMatchObject([{ raw, kind: 'leveringskvittering' }]);
    expect(rows[0]?.['certificates']).toContain('BEGIN CERTIFICATE');
  });

  it('follows a printed letter to POSTED', async () => {
    const letter = print();
    await send(accepted(letter), routed(letter), dispatch(letter), dispatched(letter));
    await told(letter, 'HANDED_OVER');
    await send(await receipt(letter, 'mottakskvittering'));
    await told(letter, 'RECEIVED_FOR_PRINT');
    await send(await receipt(letter, 'leveringskvittering'));
    await told(letter, 'POSTED');
  });

  it('lets a receipt overtake the hand-over, which is then recorded as stale', async () => {
    const letter = digital();
    await send(accepted(letter), routed(letter), await receipt(letter, 'leveringskvittering'));
    await told(letter, 'DELIVERED');
    await send(dispatched(letter));
    const late = await eventually('the late fact', async () =>
      (await history(letter)).find(({ kind }) => kind === 'handed-over'),
    );
    expect(JSON.parse(late.data.toString())).toMatchObject({ stale: true });
    expect(statuses.filter((one) => one.letterId === letter.letterId).at(-1)?.status).toBe('DELIVERED');
  });

  it('takes what waited in a retry tier for overtaken when it comes, and the chain holds', async () => {
    const letter = digital();
    const { topic, key, value } = routed(letter);
    const due = Date.now() + 3_000;
    await sender.send([
      {
        ...{ topic: 'receipts.retry.10s', key, value },
        headers: { ce_id: randomUUID(), attempt: '1', 'origin-topic': topic, 'retry-due-at': String(due) },
      },
    ]);
    await send(accepted(letter), dispatch(letter), dispatched(letter));
    await told(letter, 'HANDED_OVER');
    expect((await history(letter)).map(({ kind }) => kind)).not.toContain('routed');
    await eventually('the late fact', async () => (await history(letter)).find(({ kind }) => kind === 'routed'));
    const entries = await history(letter);
    expect(JSON.parse(entries.at(-1)?.data.toString() ?? '')).toMatchObject({ stale: true });
    expect(verifyHistory(letter.letterId, entries)).toBeUndefined();
    expect(statuses.filter((one) => one.letterId === letter.letterId).at(-1)?.status).toBe('HANDED_OVER');
    await send(await receipt(letter, 'leveringskvittering'));
    await told(letter, 'DELIVERED');
  });

  it('keeps a receipt of an unknown conversation and matches it when its leg becomes known', async () => {
    const letter = digital();
    const raw = await rawReceipt(letter, 'leveringskvittering');
    await send(received(letter, raw));
    expect(await storedReceipt(raw)).toMatchObject({ verified: true, letter_id: null, problem: null });
    await send(accepted(letter), routed(letter));
    await told(letter, 'DELIVERED');
    expect(await storedReceipt(raw)).toMatchObject({ letter_id: letter.letterId, leg: 1 });
  });

  it('loses no receipt that arrives at the same moment as its leg, and forks no chain', async () => {
    const letters = Array.from({ length: 60 }, digital);
    const receipts = await Promise.all(letters.map((letter) => receipt(letter, 'leveringskvittering')));
    await Promise.all(
      letters.map((letter, index) =>
        send(accepted(letter), dispatch(letter), receipts[index] as Draft, dispatched(letter), routed(letter)),
      ),
    );
    await Promise.all(letters.map((letter) => told(letter, 'DELIVERED')));
    for (const letter of letters) {
      const entries = await eventually('all five entries', async () => {
        const found = await history(letter);
        return found.length === 5 ? found : undefined;
      });
      expect(verifyHistory(letter.letterId, entries)).toBeUndefined();
    }
  });

  it('sets aside a receipt signed by another provider or by a stranger, and goes on with the next', async () => {
    const letter = digital();
    await send(accepted(letter), routed(letter), dispatched(letter));
    await told(letter, 'HANDED_OVER');
    const byOther = await rawReceipt(letter, 'leveringskvittering', signers[EBOKS]);
    const byStranger = await rawReceipt(letter, 'leveringskvittering', stranger);
    const good = await rawReceipt(letter, 'aapningskvittering');
    const tampered = `${good.slice(0, -6)}${good.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`;
    const rubbish = 'not a receipt \0 at all';
    const bad = [byOther, byStranger, tampered, rubbish].map((raw) => received(letter, raw));
    await send(...bad, await receipt(letter, 'mottakskvittering'), await receipt(letter, 'leveringskvittering'));
    await told(letter, 'DELIVERED');
    expect(await storedReceipt(byOther)).toMatchObject({ problem: 'wrong-signer', letter_id: null });
    expect(await storedReceipt(byStranger)).toMatchObject({ problem: 'certificate-untrusted', verified: false });
    expect(await storedReceipt(tampered)).toMatchObject({ problem: 'signature-invalid', verified: false });
    expect(await storedReceipt('not a receipt \uFFFD at all')).toMatchObject({ problem: 'not-a-package' });
    expect(await sortedKinds(letter, 4)).toEqual(['accepted', 'handed-over', 'leveringskvittering', 'routed']);
  });

  it('sets aside what says it was signed before the letter was sealed, however its leg came into the table', async () => {
    const letter = digital();
    const early = new Date(Date.now() - 3_600_000);
    const [delivered, opened] = await Promise.all([
      rawReceipt(letter, 'leveringskvittering', undefined, early),
      rawReceipt(letter, 'aapningskvittering', undefined, early),
    ]);
    await send(accepted(letter), routed(letter), dispatch(letter), dispatched(letter));
    await told(letter, 'HANDED_OVER');
    await send(received(letter, delivered));
    expect(await storedReceipt(delivered)).toMatchObject({ problem: 'signed-before-sealed', letter_id: null });
    // as the version before left it
    await database.query('UPDATE receipts.leg SET sealed_at = NULL WHERE letter_id = $1', [letter.letterId]);
    await send(received(letter, opened));
    expect(await storedReceipt(opened)).toMatchObject({ problem: 'signed-before-sealed', letter_id: null });
    await send(await receipt(letter, 'leveringskvittering'));
    await told(letter, 'DELIVERED');
  });

  it('sets aside what a revoked certificate signs from the moment on that the list is there, and keeps the list', async () => {
    const [before, after] = [digital(), digital()];
    await send(accepted(before), routed(before), accepted(after), routed(after));
    await send(received(before, await rawReceipt(before, 'leveringskvittering', stolen)));
    await told(before, 'DELIVERED');
    const [leaf] = stolen.certificates as [X509Certificate];
    await revoke([{ certificate: leaf, since: new Date(Date.now() - 1_000) }]);
    await eventually('the list in the archive of both', async () => {
      const { rows } = await database.query<{ lists: number }>(
        'SELECT count(*)::int AS lists FROM history_api_v1.revocation_list',
      );
      return rows[0]?.lists === 4 ? true : undefined;
    });
    // an instance that has not looked yet would count it: each attempt is another receipt
    const problem = await eventually('a receipt that is set aside', async () => {
      const raw = await rawReceipt(after, 'aapningskvittering', stolen);
      await send(received(after, raw));
      const row = await eventually('the receipt', () => storedReceipt(raw));
      return row.problem ?? undefined;
    });
    expect(problem).toBe('signer-revoked');
    await send(await receipt(before, 'aapningskvittering'));
    await told(before, 'OPENED');
  });

  it('is not held up by a hundred bad ones in front, and keeps each with its problem', async () => {
    const letter = digital();
    await send(accepted(letter), routed(letter));
    await told(letter, 'ROUTED');
    const good = await rawReceipt(letter, 'leveringskvittering');
    const [header, , signature] = good.split('.') as [string, string, string];
    const bad = Array.from(
      { length: 100 },
      (_, index) => `${header}.${btoa(`bad ${index}`).replaceAll('=', '')}.${signature}`,
    );
    // one key, so one partition: they lie before it
    await send(...bad.map((raw) => received(letter, raw)), received(letter, good));
    await told(letter, 'DELIVERED');
    const { rows } = await database.query(
      'SELECT count(*)::int AS bad FROM receipts.receipt WHERE raw = ANY($1) AND problem IS NOT NULL AND letter_id IS NULL',
      [bad],
    );
    expect(rows).toEqual([{ bad: 100 }]);
    expect(await sortedKinds(letter, 3)).toEqual(['accepted', 'leveringskvittering', 'routed']);
  });

  it('takes a receipt that comes twice as one, whatever its records are called', async () => {
    const letter = digital();
    await send(accepted(letter), routed(letter));
    await told(letter, 'ROUTED');
    const raw = await rawReceipt(letter, 'leveringskvittering');
    await send(received(letter, raw), received(letter, raw));
    await told(letter, 'DELIVERED');
    await send(received(letter, raw), await receipt(letter, 'aapningskvittering'));
    await told(letter, 'OPENED');
    expect(await sortedKinds(letter, 4)).toEqual(['aapningskvittering', 'accepted', 'leveringskvittering', 'routed']);
    const { rows } = await database.query('SELECT kind FROM history_api_v1.receipt WHERE letter_id = $1', [
      letter.letterId,
    ]);
    expect(rows).toHaveLength(2);
  });

  it('writes one entry for a record that comes twice, and publishes the same status again', async () => {
    const letter = digital();
    const again = { ...routed(letter), id: randomUUID() };
    await send(accepted(letter), again);
    const first = await told(letter, 'ROUTED');
    await send(again);
    const repeated = await eventually('the status a second time', () => {
      const found = statuses.filter((one) => one.letterId === letter.letterId && one.status === 'ROUTED');
      return found.length === 2 ? found : undefined;
    });
    expect(repeated[1]).toEqual(first);
    expect((await kinds(letter)).filter((kind) => kind === 'routed')).toHaveLength(1);
  });

  it('orders a service message once when the letter is delivered, unless the mailbox notifies', async () => {
    const notice = { emailText: null, smsText: null, serviceMessage: true };
    const [plain, noticed] = [digital(), digital()];
    await send(accepted(plain, { notice }), accepted(noticed, { notice: { ...notice, smsText: Buffer.from('x') } }));
    await Promise.all([told(plain, 'ACCEPTED'), told(noticed, 'ACCEPTED')]);
    await send(routed(plain), routed(noticed));
    await Promise.all([told(plain, 'ROUTED'), told(noticed, 'ROUTED')]);
    await send(await receipt(noticed, 'leveringskvittering'));
    await told(noticed, 'DELIVERED');
    await send(await receipt(plain, 'leveringskvittering'), await receipt(plain, 'leveringskvittering'));
    await eventually('the order', () => notifications.find((one) => one.letterId === plain.letterId));
    await eventually('both receipts', async () => ((await kinds(plain)).length === 4 ? true : undefined));
    expect(notifications).toMatchObject([{ letterId: plain.letterId, leg: 1, reference: plain.reference }]);
  });

  it('ends REFUSED with the reason when a letter is refused, and leaves it alone when a hand-in is', async () => {
    const [refused, untouched] = [digital(), digital()];
    const refusal = (letter: LetterFacts, about: 'LETTER' | 'HAND_IN'): Draft =>
      draft('letter.refused.v1', letter.letterId, {
        about,
        letterId: letter.letterId,
        sender: AGENCY,
        reference: letter.reference,
        leg: null,
        reason: 'no-postal-address',
        detail: 'One sentence.',
        pointer: null,
        stage: 'register-lookup',
        refusedAt: Date.now(),
      });
    await send(accepted(refused), accepted(untouched));
    await Promise.all([told(refused, 'ACCEPTED'), told(untouched, 'ACCEPTED')]);
    await send(refusal(untouched, 'HAND_IN'), refusal(refused, 'LETTER'), routed(untouched));
    expect(await told(refused, 'REFUSED')).toMatchObject({
      reason: 'no-postal-address',
      detail: 'One sentence.',
      leg: null,
    });
    await told(untouched, 'ROUTED');
    expect(await sortedKinds(untouched, 2)).toEqual(['accepted', 'routed']);
  });

  it('takes an adapter at its word about its own legs only', async () => {
    const [own, foreign] = [digital(), digital()];
    const report = (letter: LetterFacts, provider: string, outcome: 'TAKEN' | 'REFUSED'): Draft =>
      draft(
        'receipt.received.<provider>.v1',
        letter.conversationId,
        {
          provider,
          conversationId: null,
          raw: null,
          report: { letterId: letter.letterId, leg: 1, outcome, reason: 'address-unknown' },
          pulledUntil: null,
          receivedAt: Date.now(),
        },
        { parameter: provider },
      );
    await send(accepted(own), routed(own), accepted(foreign), routed(foreign));
    await Promise.all([told(own, 'ROUTED'), told(foreign, 'ROUTED')]);
    await send(report(foreign, 'eboks', 'REFUSED'), report(own, 'digipost', 'REFUSED'));
    expect(await told(own, 'REFUSED')).toMatchObject({ reason: 'address-unknown', leg: 1 });
    const aside = await eventually('the foreign report set aside', async () => {
      const { rows } = await database.query<{ letter_id: string | null }>(
        "SELECT letter_id FROM receipts.receipt WHERE conversation_id = $1 AND problem = 'wrong-provider'",
        [foreign.conversationId],
      );
      return rows[0];
    });
    expect(aside.letter_id).toBeNull();
    // what counts is in no list of what does not, signed or not
    const views = await database.query(
      `SELECT (SELECT count(*)::int FROM history_api_v1.counted_receipt WHERE letter_id = $1) AS counted,
              (SELECT count(*)::int FROM history_api_v1.receipt WHERE letter_id = $1) AS signed,
              (SELECT count(*)::int FROM history_api_v1.receipt_set_aside WHERE conversation_id = $2) AS aside,
              (SELECT count(*)::int FROM history_api_v1.receipt_set_aside WHERE conversation_id = $3) AS others`,
      [own.letterId, own.conversationId, foreign.conversationId],
    );
    expect(views.rows).toEqual([{ counted: 1, signed: 0, aside: 0, others: 1 }]);
    // two topics, no order between them
    expect(await sortedKinds(foreign, 2)).toEqual(['accepted', 'routed']);
  });

  it('tells that a provider is late, once it has been asked and everything it said has been read', async () => {
    const letter = digital();
    const twoDaysAgo = Date.now() - 2 * 86_400_000;
    const handedOver = { ...letter.dispatched(), handedOverAt: twoDaysAgo };
    await send(accepted(letter), routed(letter));
    await told(letter, 'ROUTED');
    await send(draft('letter.dispatched.v1', letter.letterId, handedOver));
    await told(letter, 'HANDED_OVER');
    const pulledUntil = Date.now();
    const event = { provider: 'digipost', conversationId: null, raw: null, report: null, receivedAt: 0, pulledUntil };
    await send(draft('receipt.received.<provider>.v1', 'digipost', event, { parameter: 'digipost' }));
    const late = await eventually('the news', () =>
      statuses.find((one) => one.letterId === letter.letterId && one.reason === 'overdue'),
    );
    expect(late).toMatchObject({ status: 'HANDED_OVER', sender: AGENCY, reference: letter.reference, leg: 1 });
    expect(await kinds(letter)).toContain('expectation-overdue');
    await send(await receipt(letter, 'leveringskvittering'));
    expect(await told(letter, 'DELIVERED')).toMatchObject({ reason: null });
  });

  it('takes in what the table of topics says: deadlines and books wait until all of it has been read', () => {
    const handle = Object.getOwnPropertyDescriptor(ReceiptsStage.prototype, 'handle')?.value as object;
    const patterns = Reflect.getMetadata('microservices:pattern', handle) as string[];
    const table = TOPICS.filter((topic) => takesIn('receipts', topic)).map(({ name }) => name);
    expect(patterns.flatMap(stagePatterns).sort()).toEqual(table.sort());
  });

  it('knows when it has read everything, and when a single record is missing', async () => {
    const letter = digital();
    await send(accepted(letter), routed(letter));
    await told(letter, 'ROUTED');
    // days are only looked at, and no place is kept there
    await send(draft('day.closed.v1', '2026-01-01', { day: '2026-01-01', statement: 'anything' }));
    const offsets = 'SELECT topic, partition, next_offset FROM receipts.consumed_offset';
    const { rows } = await database.query<{ topic: string; next_offset: string }>(offsets);
    const positionWith = (known: unknown[]): KafkaPosition =>
      new KafkaPosition(
        { kafka, kafkaSettings: { brokers: testServers().brokers, topicPrefix: prefix } },
        { query: <T>() => Promise.resolve(known as T) },
      );
    const last = rows.findIndex(({ topic }) => topic === 'letter.routed.v1');
    const behind = rows.map((row, index) =>
      index === last ? { ...row, next_offset: String(BigInt(row.next_offset) - 1n) } : row,
    );
    const [whole, lacking, empty] = [positionWith(rows), positionWith(behind), positionWith([])];
    closing.push(...[whole, lacking, empty].map((position) => () => position.close()));
    const ends = await whole.ends();
    expect(await whole.reached(ends)).toBe(true);
    expect(await lacking.reached(ends)).toBe(false);
    expect(await empty.reached(ends)).toBe(false);
  });

  it('does not believe that a provider was asked in the future', async () => {
    const event = { provider: 'print', conversationId: null, raw: null, report: null, receivedAt: 0 };
    const pulled = { ...event, pulledUntil: Date.now() + 365 * 86_400_000 };
    await send(draft('receipt.received.<provider>.v1', 'print', pulled, { parameter: 'print' }));
    const until = await eventually('the pull', async () => {
      const { rows } = await database.query<{ pulled_until: Date }>(
        "SELECT pulled_until FROM receipts.provider_pull WHERE provider = 'print'",
      );
      return rows[0]?.pulled_until;
    });
    expect(until.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('gives out the signed root of a day that is over, and says how many it has replaced, closed ahead, or finds disputed', async () => {
    const day = dayAfter(osloDay(new Date()), -2);
    await database.query(
      `INSERT INTO receipts.history (letter_id, seq, at, kind, event_id, data, hash, recorded_on)
       VALUES ($1, 1, now(), 'accepted', 'old', '', '\\x00', $2)`,
      [randomUUID(), day],
    );
    const settings = { brokers: testServers().brokers, topicPrefix: prefix };
    const log = createLogger('receipts', 'silent');
    const roots = new PublishedRoots({ kafkaSettings: settings, log, publisher });
    const given = await eventually('the root', async () => (await roots.read()).find((one) => one.day === day), 60_000);
    expect(openDayRoot(given.statement)?.says).toMatchObject({ day, size: 1, previous: null });
    const { rows } = await database.query('SELECT statement FROM receipts.day_root WHERE day = $1', [day]);
    expect(rows).toEqual([{ statement: given.statement }]);
    for (const url of managementUrls) {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      for (const name of ['day_roots_replaced_total', 'day_roots_ahead', 'day_roots_disputed'])
        expect(metrics).toMatch(new RegExp(`^${name}\\{.*\\} 0$`, 'm'));
    }
  }, 90_000);
});
