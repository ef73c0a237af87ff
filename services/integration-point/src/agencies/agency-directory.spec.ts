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
});
