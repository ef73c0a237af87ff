import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { TopicReader, type Kafka } from '../src/index.js';
import { dispatchedRecord, letterIds } from './spec-stage.js';
import { startRig, type Rig } from './rig.js';

const TOPIC = 'letter.dispatched.v1';

describe('a look at a topic that is given up', () => {
  let rig: Rig;
  let giveUp: AbortController;
  beforeEach(async () => {
    rig = await startRig();
    giveUp = new AbortController();
    await rig.produce(TOPIC, letterIds(10).map(dispatchedRecord));
  });
  afterEach(() => rig.close());

  const open = (kafka: Kafka): Promise<TopicReader> => TopicReader.open(kafka, rig.prefix + TOPIC, giveUp.signal);
  const groups = async (): Promise<string[]> => {
    const admin = rig.kafka.admin();
    await admin.connect();
    try {
      const { groups: all } = await admin.listGroups();
      return all.map(({ groupId }) => groupId).filter((id) => id.startsWith(`${rig.prefix}${TOPIC}.reader.`));
    } finally {
      await admin.disconnect();
    }
  };

  /** The signal fires at the moment when this is asked of kafkajs. */
  function givingUpAt(step: string): Kafka {
    const watched = <T extends object>(name: string, client: T): T =>
      new Proxy(client, {
        get: (target, key) => {
          if (`${name}.${String(key)}` === step) giveUp.abort(new Error('enough'));
          return Reflect.get(target, key) as unknown;
        },
      });
    const { kafka } = rig;
    return {
      admin: () => watched('admin', kafka.admin()),
      consumer: (config: Parameters<Kafka['consumer']>[0]) => watched('consumer', kafka.consumer(config)),
    } as Kafka;
  }

  it.each(['admin.connect', 'admin.fetchTopicOffsets', 'consumer.connect', 'consumer.subscribe', 'consumer.run'])(
    'at %s, says why, and leaves no group behind',
    async (step) => {
      await expect(open(givingUpAt(step))).rejects.toThrow('enough');
      await eventually('no group', async () => (await groups()).length === 0 || undefined);
    },
    60_000,
  );

  it('while it reads, shows nothing more', async () => {
    const reader = await open(rig.kafka);
    const seen: string[] = [];
    const reading = reader.read(await reader.ends(), ({ key }) => {
      seen.push(key);
      giveUp.abort(new Error('enough'));
    });
    await expect(reading).rejects.toThrow('enough');
    const count = seen.length;
    await expect(reader.ends()).rejects.toThrow('enough');
    await reader.close();
    await eventually('no group', async () => (await groups()).length === 0 || undefined);
    expect(seen).toHaveLength(count);
  }, 60_000);

  it('does not concern who reads to the end', async () => {
    const reader = await open(rig.kafka);
    const seen = new Set<string>();
    await reader.read(await reader.ends(), ({ key }) => void seen.add(key));
    await reader.close();
    giveUp.abort(new Error('too late'));
    expect([...seen].sort()).toEqual(letterIds(10).sort());
  }, 60_000);
});
