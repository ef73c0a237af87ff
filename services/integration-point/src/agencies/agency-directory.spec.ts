import { describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import type { Runtime } from '@postgang/runtime';
import { AgencyDirectory } from './agency-directory.js';

describe('the directory of agencies', () => {
  it('knows everybody, also when the ingress key of one cannot be opened', async () => {
    const key = Buffer.alloc(32, 7);
    const keys = new KeyRing(new Map([['internal', { active: 'k', keys: new Map([['k', key]]) }]]));
    const agency = (orgnr: string, ingressKey: Buffer): unknown => ({
      ...{ orgnr, name: orgnr, kafka: true, ingress_key: ingressKey, suppliers: [] },
    });
    const sealed = keys.seal('internal', '310000027', 'ingress-key', Buffer.alloc(32, 8).toString('base64'));
    const errors: unknown[] = [];
    const directory = new AgencyDirectory({
      keys,
      database: { query: () => Promise.resolve([agency('310000019', Buffer.alloc(80)), agency('310000027', sealed)]) },
      log: { error: (fields: unknown) => errors.push(fields) },
    } as unknown as Runtime);

    expect((await directory.find('310000019'))?.orgnr).toBe('310000019');
    expect((await directory.find('310000027'))?.orgnr).toBe('310000027');
    await directory.find('310000035');
    expect(errors).toHaveLength(1);
    expect(() => keys.seal('agency:310000027', 'letter', 'title', 'x')).not.toThrow();
    expect(() => keys.seal('agency:310000019', 'letter', 'title', 'x')).toThrow();
  });

  it('looks once for all that ask at the same time, and again for who was added meanwhile', async () => {
    const answers: ((rows: unknown[]) => void)[] = [];
    const query = (): Promise<unknown[]> => new Promise((resolve) => answers.push(resolve));
    const directory = new AgencyDirectory({ database: { query } } as unknown as Runtime);
    const row = { orgnr: '310000027', name: 'Etaten', kafka: true, ingress_key: null, suppliers: [] };
    const asked = Array.from({ length: 50 }, () => directory.find('310000027'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers).toHaveLength(1);
    const late = directory.find('310000027');
    answers[0]?.([]);
    expect(await Promise.all(asked)).toEqual(asked.map(() => undefined));
    await new Promise((resolve) => setImmediate(resolve));
    answers[1]?.([row]);
    expect(await late).toEqual(row);
    expect(answers).toHaveLength(2);
  });

  it('opens one connection to the broker for a batch of statuses', async () => {
    let connections = 0;
    const admin = () => ({
      connect: () => (connections++, Promise.resolve()),
      listTopics: () => Promise.resolve(['letter.status.v1.310000027']),
      disconnect: () => Promise.resolve(),
    });
    const runtime = { kafka: { admin }, kafkaSettings: { topicPrefix: '' } } as unknown as Runtime;
    const directory = new AgencyDirectory(runtime);
    const asked = Array.from({ length: 500 }, (_, index) =>
      directory.hasStatusTopic(index % 2 === 0 ? '310000027' : '310000019'),
    );
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(250);
    expect(connections).toBe(1);
  });
});
