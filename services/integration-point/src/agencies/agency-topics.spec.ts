import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Runtime } from '@postgang/runtime';
import { followAgencies, subscribableAgencies } from './agency-topics.js';

describe('the agencies whose topics are read', () => {
  let agencies: string[];
  let refreshed: number;
  let away: boolean;
  let runtime: Runtime;
  beforeEach(async () => {
    [agencies, refreshed, away] = [['310000019'], 0, false];
    const admin = {
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      listTopics: () => Promise.resolve(agencies.map((orgnr) => `letter.submitted.v1.${orgnr}`)),
    };
    runtime = {
      kafkaSettings: { topicPrefix: '' },
      kafka: { admin: () => admin },
      database: { query: () => Promise.resolve(agencies.map((orgnr) => ({ orgnr }))) },
      log: { info: () => undefined },
      refreshTopics: () => {
        refreshed += 1;
        return away ? Promise.reject(new Error('kafka is away')) : Promise.resolve();
      },
    } as unknown as Runtime;
    // the consumers start
    await subscribableAgencies(runtime);
    agencies = ['310000019', '310000027'];
  });

  it('become more, also when the lag was measured first', async () => {
    await subscribableAgencies(runtime);
    await followAgencies(runtime, agencies);
    await followAgencies(runtime, agencies);
    expect(refreshed).toBe(1);
  });

  it('are subscribed to again after that failed', async () => {
    away = true;
    await expect(followAgencies(runtime, agencies)).rejects.toThrow('kafka is away');
    away = false;
    await followAgencies(runtime, agencies);
    expect(refreshed).toBe(2);
  });
});
