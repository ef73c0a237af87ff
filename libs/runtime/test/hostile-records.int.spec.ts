import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { deadLetterTopic, encode, header, isUuid, letterIdOf, retryTopic } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { CompressionTypes, type KafkaMessage, type Message } from 'kafkajs';
import { failed, openRecord, publish, refuse, type Outcome, type Received } from '../src/index.js';
import { startRig, type Rig } from './rig.js';
import { serviceOf } from './spec-stage.js';

const AGENCY = '310000019';
const OTHER = '310000027';
const TOPIC = `letter.submitted.v1.${AGENCY}`;

/** As in the environment. */
const KEYS = JSON.stringify({ internal: { active: 'k', keys: { k: Buffer.alloc(32, 7).toString('base64') } } });

const keyOf = (reference: string): string => letterIdOf(AGENCY, reference);

const submitted = (reference: string, headers: NonNullable<Message['headers']> = {}): Message => ({
  key: keyOf(reference),
  value: encode('letter.submitted.v1', {
    reference,
    kind: 'INFORMATION',
    recipient: Buffer.alloc(0),
    title: Buffer.alloc(0),
    nonSensitiveTitle: Buffer.alloc(0),
    language: 'nb',
    securityLevel: 3,
    documents: [],
    print: null,
    notice: null,
    openingReceipt: false,
    effectiveAt: null,
    avsenderidentifikator: null,
    invoiceReference: null,
    caseReference: null,
  }),
  headers,
});

/** What the stage of these specs does is in the reference. */
function outcomeOf({ key, event }: Received): Outcome {
  const { reference } = event as { reference: string };
  if (reference.startsWith('fail')) return failed(new Error('not now'));
  if (!reference.startsWith('refuse')) return publish();
  return refuse({ about: 'HAND_IN', letterId: key, sender: AGENCY, reference, reason: 'invalid-letter', detail: 'x' });
}

describe("records on an agency's own topic", () => {
  let rig: Rig;
  let seen: Received[];
  let dead: KafkaMessage[];
  let retried: KafkaMessage[];
  let refused: KafkaMessage[];

  const service = serviceOf(
    'integration-point',
    'letter.submitted.v1.<orgnr>',
    async (batch) => {
      seen.push(...batch);
      return batch.map(outcomeOf);
    },
    { topicParameters: () => Promise.resolve({ orgnr: [AGENCY, OTHER] }) },
  );
  const handIn = (...messages: Message[]): Promise<void> => rig.produce(TOPIC, messages);
  const handled = (reference: string): Promise<Received> =>
    eventually(reference, () => seen.find(({ key }) => key === keyOf(reference)));
  const lying = (records: KafkaMessage[], key: string): Promise<KafkaMessage> =>
    eventually(`the record of ${key}`, () => records.find((record) => record.key?.toString() === key));

  beforeAll(async () => {
    rig = await startRig([AGENCY, OTHER]);
    seen = [];
    [dead, retried, refused] = await Promise.all([
      rig.collect(deadLetterTopic('integration-point')),
      rig.collect(retryTopic('integration-point', '10s')),
      rig.collect('letter.refused.v1'),
    ]);
    await rig.start(service, { KEY_RING: KEYS });
  }, 60_000);
  afterAll(() => rig.close());
  beforeEach(() => void seen.splice(0));

  it('come from the topic they lie in, whatever origin they claim', async () => {
    await handIn(submitted('origin', { 'origin-topic': `letter.submitted.v1.${OTHER}`, 'origin-partition': '7' }));
    expect((await handled('origin')).source).toMatchObject({ topic: TOPIC, parameter: AGENCY, retried: false });
  });

  it.each(['99999999999', '-1', 'NaN', '4', '1e2', ''])(
    'are tried for the first time, though they say attempt %j',
    async (attempt) => {
      const reference = `fail ${attempt}`;
      await handIn(submitted(reference, { attempt }));
      expect((await handled(reference)).attempt).toBe(0);
      expect(header((await lying(retried, keyOf(reference))).headers, 'attempt')).toBe('1');
    },
  );

  it('are read at once, though they say they are not due before the year 5138', async () => {
    await handIn(submitted('later', { 'retry-due-at': '99999999999999' }));
    await handled('later');
  });

  it('with a thousand headers or with none that is text are handled like any other', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x-${index}`, 'Kari Nordmann']));
    const notText = { ce_id: Buffer.from([0xff, 0xfe]), traceparent: Buffer.from([0xc3, 0x28]) };
    await handIn(
      submitted('fail many', many),
      submitted('fail not text', notText),
      submitted('fail twice', { ce_id: ['a', 'b'] }),
    );
    for (const reference of ['fail many', 'fail not text', 'fail twice']) {
      expect(isUuid((await handled(reference)).id)).toBe(true);
      const { headers } = await lying(retried, keyOf(reference));
      expect(header(headers, 'origin-topic')).toBe(TOPIC);
      // what nobody knows may be personal and travels no further
      expect(JSON.stringify(headers)).not.toContain('Kari');
      expect(Object.keys(headers ?? {}).length).toBeLessThan(20);
    }
  });

  it('of the same ce_id give two events of two ids', async () => {
    const headers = { ce_id: keyOf('anything') };
    await handIn(submitted('refuse 1', headers), submitted('refuse 2', headers));
    const ids = await Promise.all(['refuse 1', 'refuse 2'].map((reference) => lying(refused, keyOf(reference))));
    expect(new Set(ids.map((record) => header(record.headers, 'ce_id'))).size).toBe(2);
  });

  it('become sealed dead letters when they are no events, also as large as the broker takes them', async () => {
    const rubbish = Buffer.alloc(1_048_000, '21883649874');
    const key = keyOf('rubbish');
    await rig.produce(TOPIC, [{ key, value: rubbish, headers: { ce_subject: '21883649874' } }]);
    const letter = await lying(dead, key);
    expect(JSON.stringify([letter.value?.toString(), letter.headers])).not.toContain('21883649874');
    const record = openRecord(KeyRing.parse(KEYS), key, letter.value as Buffer);
    expect(record).toMatchObject({ key, headers: { ce_subject: '21883649874' } });
    expect(record.value?.equals(rubbish)).toBe(true);
    expect(header(letter.headers, 'dead-because')).toBe('permanent');
    await handIn(submitted('after rubbish'));
    await handled('after rubbish');
  });

  it('of a newer schema wait for our deploy in the retry tiers', async () => {
    const key = keyOf('newer');
    const value = Buffer.concat([Buffer.from('c3010123456789abcdef', 'hex'), Buffer.from('?')]);
    await rig.produce(TOPIC, [{ key, value }]);
    expect(header((await lying(retried, key)).headers, 'failure')).toContain('UnknownSchema');
  });

  it('of a newer schema are dead letters after the last tier, not before', async () => {
    const value = Buffer.concat([Buffer.from('c3010123456789abcdef', 'hex'), Buffer.from('?')]);
    const due = { 'origin-topic': TOPIC, 'origin-partition': '0', 'origin-offset': '3', 'retry-due-at': '1' };
    await rig.produce(retryTopic('integration-point', '1h'), [
      { key: keyOf('newer 4'), value, headers: { ...due, attempt: '4' } },
    ]);
    const letter = await lying(dead, keyOf('newer 4'));
    expect(header(letter.headers, 'dead-because')).toBe('exhausted');
    expect(header(letter.headers, 'attempt')).toBe('5');
    expect(header(letter.headers, 'origin-offset')).toBe('3');
  });

  it('may be compressed, but a bomb is turned away at the broker', async () => {
    await rig.produce(TOPIC, [submitted('compressed')], CompressionTypes.GZIP);
    await handled('compressed');
    const bomb = { key: keyOf('bomb'), value: Buffer.alloc(8_000_000) };
    await expect(rig.produce(TOPIC, [bomb], CompressionTypes.GZIP)).rejects.toMatchObject({
      type: 'MESSAGE_TOO_LARGE',
    });
  });

  it('of no key, or of one that is no letter id, are dead letters', async () => {
    const { value } = submitted('x');
    await rig.produce(TOPIC, [
      { key: null, value },
      { key: '21883649874', value: 'not an event' },
    ]);
    const keys = KeyRing.parse(KEYS);
    const opened = (): string[] =>
      dead.map((letter) => openRecord(keys, letter.key?.toString() ?? '', letter.value as Buffer).key);
    await eventually('both', () => (opened().includes('') && opened().includes('21883649874')) || undefined);
    expect(dead.every(({ key }) => isUuid(key?.toString() ?? ''))).toBe(true);
  });
});
