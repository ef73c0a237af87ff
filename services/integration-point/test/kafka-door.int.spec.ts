import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { encode, letterIdOf, type LetterStatusChanged, type LetterSubmitted } from '@postgang/pipeline';
import { BatchingSender, draft, kafkaProducer, openRecord, Publisher, type Producer } from '@postgang/runtime';
import { eventually } from '@postgang/testing';
import { AGENCY, letter, OTHER, RECIPIENT, Rig } from './rig.js';

/** Has an ingress key and no topics yet. */
const LATE = '996460320';

const SEALED_WITH_UNKNOWN_KEY = randomUUID();

interface SetAside {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

let rig: Rig;
let producer: Producer;
let publisher: Publisher;
const dead: SetAside[] = [];
const waiting: SetAside[] = [];

beforeAll(async () => {
  rig = await Rig.start();
  const { ingressKey } = await rig.agencies.add({ orgnr: LATE, name: 'Ny etat', kafka: true });
  rig.addKeyOf(LATE, ingressKey);
  producer = kafkaProducer(rig.kafka);
  await producer.connect();
  publisher = new Publisher('receipts', new BatchingSender(producer, rig.prefix));
  const consumer = rig.kafka.consumer({ groupId: `${rig.prefix}dead` });
  await consumer.connect();
  rig.alsoStop(() => Promise.all([consumer.disconnect(), producer.disconnect()]));
  const aside = { 'integration-point.dlq': dead, 'integration-point.retry.10m': waiting };
  await consumer.subscribe({ topics: Object.keys(aside).map((topic) => rig.prefix + topic), fromBeginning: true });
  // refused after a retry, ten seconds from now
  await submit(submitted(SEALED_WITH_UNKNOWN_KEY, randomUUID(), { title: sealedWithUnknownKey() }));
  await consumer.run({
    eachMessage: ({ topic, message: { key, value, headers } }) => {
      const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)] as const);
      aside[topic.slice(rig.prefix.length) as keyof typeof aside].push({
        key: String(key),
        value: value as Buffer,
        headers: Object.fromEntries(texts),
      });
      return Promise.resolve();
    },
  });
}, 60_000);

afterAll(async () => {
  await rig.stop();
}, 30_000);

/** A record as the agency makes it; everything of it but the last argument is right. */
function submitted(
  reference: string,
  documentId: string,
  more: Partial<LetterSubmitted> = {},
  agency = AGENCY,
): LetterSubmitted {
  const seal = (field: string, value: string): Buffer =>
    rig.keys.seal(`agency:${agency}`, letterIdOf(agency, reference), field, value);
  return {
    reference,
    kind: 'INFORMATION',
    recipient: seal('recipient', RECIPIENT),
    title: seal('title', 'Tittel'),
    nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev'),
    language: 'nn',
    securityLevel: 3,
    documents: [{ title: seal('document.0.title', 'Dokument'), documentId }],
    print: null,
    notice: null,
    openingReceipt: false,
    effectiveAt: null,
    avsenderidentifikator: null,
    invoiceReference: null,
    caseReference: null,
    ...more,
  };
}

function sealedWithUnknownKey(): Buffer {
  const scope = `agency:${AGENCY}`;
  const keys = new KeyRing(new Map());
  keys.add(scope, 'other', new Map([['other', randomBytes(32)]]));
  return keys.seal(scope, letterIdOf(AGENCY, SEALED_WITH_UNKNOWN_KEY), 'title', 'Tittel');
}

/** On the topic of AGENCY, whatever is in it. */
async function write(key: string, value: Buffer, headers: Record<string, string> = {}): Promise<void> {
  const topic = `${rig.prefix}letter.submitted.v1.${AGENCY}`;
  await producer.send({ topic, acks: -1, messages: [{ key, value, headers }] });
}

const submit = (
  event: LetterSubmitted,
  key = letterIdOf(AGENCY, event.reference),
  headers?: Record<string, string>,
): Promise<void> => write(key, encode('letter.submitted.v1', event), headers);

const told = (reference: string): Promise<LetterStatusChanged> =>
  eventually('the status', () => rig.statuses.find((status) => status.reference === reference));

/** The row of a letter with everything that may change in it. */
const rowOf = async (letterId: unknown): Promise<unknown> =>
  (await rig.database.query('SELECT xmin, * FROM integration_point.letter WHERE id = $1', [letterId])).rows[0];

describe('the Kafka door', () => {
  it('accepts a letter from the topic of an agency that was added while it ran', async () => {
    const reference = randomUUID();
    await submit(submitted(reference, await rig.upload()));
    const { letter: event } = await rig.published(letterIdOf(AGENCY, reference));
    expect(event).toMatchObject({
      sender: AGENCY,
      senderName: 'Etaten',
      door: 'KAFKA',
      kind: 'INFORMATION',
      language: 'nn',
    });
    expect(rig.keys.open('internal', event.letterId, 'recipient', event.recipient)).toBe(RECIPIENT);
  });

  it('takes a letter that comes twice in one batch once, and refuses another of the same reference in it', async () => {
    const reference = randomUUID();
    const letterId = letterIdOf(AGENCY, reference);
    const documentId = await rig.upload();
    const record = (more: Partial<LetterSubmitted> = {}) => ({
      key: letterId,
      value: encode('letter.submitted.v1', submitted(reference, documentId, more)),
    });
    await producer.send({
      topic: `${rig.prefix}letter.submitted.v1.${AGENCY}`,
      acks: -1,
      messages: [record(), record(), record({ securityLevel: 4 }), record()],
    });
    expect(await told(reference)).toMatchObject({ about: 'HAND_IN', reason: 'reference-reused' });
    const { letter: event } = await rig.published(letterId);
    expect(event.securityLevel).toBe(3);
    // read to the end of the batch
    const last = randomUUID();
    await submit(submitted(last, await rig.upload()));
    await rig.published(letterIdOf(AGENCY, last));
    const events = rig.accepted.filter((one) => one.letter.letterId === letterId);
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
    expect(rig.statuses.filter((status) => status.reference === reference)).toHaveLength(1);
    const { rows } = await rig.database.query('SELECT 1 FROM integration_point.letter WHERE id = $1', [letterId]);
    expect(rows).toHaveLength(1);
  });

  it('turns bad records into refusals on the agency topic and leaves the letter of that reference alone', async () => {
    const documentId = await rig.upload();
    const foreign = rig.keys.seal(`agency:${AGENCY}`, randomUUID(), 'recipient', RECIPIENT);
    const refused = async (event: LetterSubmitted, reason: string, key?: string): Promise<void> => {
      await submit(event, key);
      expect(await told(event.reference)).toMatchObject({ about: 'HAND_IN', status: 'REFUSED', seq: 0, reason });
    };
    await refused(submitted(randomUUID(), documentId, { recipient: foreign }), 'not-openable');
    await refused(submitted(randomUUID(), documentId, { securityLevel: 5 }), 'invalid-letter');
    await refused(submitted(randomUUID(), randomUUID()), 'invalid-letter');
    await refused(submitted(randomUUID(), documentId), 'key-mismatch', randomUUID());
    const existing = await rig.handIn(letter());
    const { reference } = (await rig.published(existing.body['letterId'])).letter;
    await refused(submitted(reference, documentId), 'reference-reused');
    expect(rig.accepted.filter(({ letter }) => letter.reference === reference)).toHaveLength(1);
  });

  it('tells the agency that its hand-in was overtaken, where it waited in a retry tier and a later one took its reference', async () => {
    const [first, second] = [await rig.upload(), await rig.upload()];
    const reference = randomUUID();
    const letterId = letterIdOf(AGENCY, reference);
    await producer.send({
      topic: `${rig.prefix}integration-point.retry.10s`,
      acks: -1,
      messages: [
        {
          key: letterId,
          value: encode('letter.submitted.v1', submitted(reference, first)),
          headers: {
            attempt: '1',
            'origin-topic': `letter.submitted.v1.${AGENCY}`,
            'origin-partition': '0',
            'origin-offset': '1000000',
            'retry-due-at': String(Date.now() + 3_000),
          },
        },
      ],
    });
    await submit(submitted(reference, second, { language: 'nb' }));
    expect((await rig.published(letterId)).letter.language).toBe('nb');
    expect(await told(reference)).toMatchObject({ about: 'HAND_IN', status: 'REFUSED', reason: 'reference-reused' });
    expect(rig.accepted.filter(({ letter }) => letter.reference === reference)).toHaveLength(1);
  });

  it('keeps the statuses of an agency whose topic is gone, and tells everybody else theirs', async () => {
    const statusOf = (sender: string): LetterStatusChanged => {
      const reference = randomUUID();
      return {
        about: 'LETTER',
        letterId: letterIdOf(sender, reference),
        sender,
        reference,
        seq: 1,
        status: 'ACCEPTED',
        leg: null,
        channel: null,
        provider: null,
        reason: null,
        detail: null,
        pointer: null,
        at: Date.now(),
      };
    };
    const [gone, mine] = [statusOf(LATE), statusOf(AGENCY)];
    await publisher.publish(
      [gone, mine].map((event) => draft('letter.status.v1', event.letterId, event, { id: randomUUID() })),
    );
    expect(await told(mine.reference)).toEqual(mine);
    const kept = await eventually('the kept status', () => waiting.find(({ key }) => key === gone.letterId));
    expect(kept.headers).toMatchObject({ attempt: '0', 'origin-topic': 'letter.status.v1' });
  });

  it('sets aside as a dead letter what cannot be decoded, sealed, and goes on', async () => {
    const event = submitted(randomUUID(), await rig.upload());
    const whole = encode('letter.submitted.v1', event);
    const key = letterIdOf(AGENCY, event.reference);
    const broken: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['noise', randomBytes(200)],
      ['cut off', whole.subarray(0, whole.length - 20)],
      ['too long', Buffer.concat([whole, Buffer.from([0])])],
      ['JSON', Buffer.from(JSON.stringify({ reference: event.reference }))],
    ];
    const opened = (one: (typeof dead)[number]): Buffer | null => openRecord(rig.keys, one.key, one.value).value;
    for (const [, value] of broken) await write(key, value);
    for (const [what, value] of broken) {
      const found = await eventually(`the dead letter: ${what}`, () => dead.find((one) => opened(one)?.equals(value)));
      expect(found).toMatchObject({
        key,
        headers: { 'origin-topic': `letter.submitted.v1.${AGENCY}`, 'dead-because': 'permanent' },
      });
      expect(JSON.stringify(found.headers)).not.toContain(event.reference);
    }
    await submit(event);
    await rig.published(key);
    expect(dead).toHaveLength(broken.length);
    expect(rig.statuses.some(({ reference }) => reference === event.reference)).toBe(false);
  });

  it("refuses another agency's records on the topic's own status topic, and touches no letter", async () => {
    const documentId = await rig.upload();
    const reference = randomUUID();
    const mine = await rig.handIn(letter({ reference }));
    const theirs = await rig.handIn(letter({ reference }), { consumer: OTHER });
    const { letterId: own } = mine.body;
    const { letterId: other } = theirs.body;
    for (const id of [own, other]) await rig.published(id);
    const marked = async (id: unknown): Promise<unknown> =>
      eventually('the mark', async () => {
        const row = (await rowOf(id)) as { published_at: Date | null };
        return row.published_at === null ? undefined : row;
      });
    const before = [await marked(own), await marked(other)];
    const refused = async (event: LetterSubmitted, reason: string, key?: string): Promise<void> => {
      const known = rig.statuses.length;
      await submit(event, key);
      const status = await eventually('the refusal', () =>
        rig.statuses.slice(known).find((one) => one.reference === event.reference),
      );
      expect(status).toMatchObject({ about: 'HAND_IN', sender: AGENCY, status: 'REFUSED', reason });
      expect(status.letterId).toBe(letterIdOf(AGENCY, event.reference));
    };
    // the other agency's letter, by its id and by its seal
    await refused(submitted(reference, documentId), 'key-mismatch', String(other));
    await refused(submitted(reference, documentId, {}, LATE), 'key-mismatch', letterIdOf(LATE, reference));
    await refused(submitted(reference, documentId, {}, LATE), 'not-openable');
    await refused(submitted(randomUUID(), documentId, {}, LATE), 'not-openable');
    // another agency's upload does not exist here
    const foreign = randomUUID();
    await rig.call('PUT', `/v1/documents/${foreign}`, {
      token: { consumer: OTHER },
      body: new Uint8Array(Buffer.from('%PDF-1.4\n')),
      type: 'application/pdf',
    });
    await refused(submitted(randomUUID(), foreign), 'invalid-letter');
    expect([await rowOf(own), await rowOf(other)]).toEqual(before);
    expect(await rig.call('GET', `/v1/letters/${String(own)}`)).toMatchObject({ body: { status: 'ACCEPTED' } });
    expect(rig.accepted.filter((one) => one.letter.reference === reference)).toHaveLength(2);
  });

  it('does not believe headers about where a record comes from', async () => {
    const event = submitted(randomUUID(), await rig.upload());
    await submit(event, undefined, {
      'origin-topic': `letter.submitted.v1.${OTHER}`,
      'origin-offset': '0',
      'retry-due-at': '99999999999999',
      attempt: '99',
      ce_source: `/agencies/${OTHER}`,
    });
    expect((await rig.published(letterIdOf(AGENCY, event.reference))).letter.sender).toBe(AGENCY);
  });

  it('goes on however many records of one agency are refused', async () => {
    const documentId = await rig.upload();
    const bad = Array.from({ length: 300 }, () => submitted(randomUUID(), documentId, { securityLevel: 5 }));
    await Promise.all(bad.map((event) => submit(event)));
    await told((bad.at(-1) as LetterSubmitted).reference);
    const good = submitted(randomUUID(), documentId);
    await submit(good);
    await rig.published(letterIdOf(AGENCY, good.reference));
  });

  it('passes statuses on to agencies that have a topic, and to no others', async () => {
    const status = (sender: string): LetterStatusChanged => ({
      about: 'LETTER',
      letterId: randomUUID(),
      sender,
      reference: randomUUID(),
      seq: 4,
      status: 'DELIVERED',
      leg: 1,
      channel: 'DIGITAL_MAILBOX',
      provider: 'digipost',
      reason: null,
      detail: null,
      pointer: null,
      at: Date.now(),
    });
    const [others, own] = [status(OTHER), status(AGENCY)];
    await publisher.publish(
      [others, own].map((event) => draft('letter.status.v1', event.letterId, event, { id: randomUUID() })),
    );
    expect(await told(own.reference)).toEqual(own);
    expect(rig.statuses.some(({ reference }) => reference === others.reference)).toBe(false);
  });

  it('does not subscribe to an agency whose topics are not there yet', async () => {
    expect((await rig.agencies.list()).find(({ orgnr }) => orgnr === LATE)?.kafka).toBe(true);
    const reference = randomUUID();
    await submit(submitted(reference, await rig.upload()));
    await rig.published(letterIdOf(AGENCY, reference));
  });

  it('tells the agency of a key that is still unknown after a retry', async () => {
    expect(await told(SEALED_WITH_UNKNOWN_KEY)).toMatchObject({ status: 'REFUSED', reason: 'not-openable' });
  });
});
