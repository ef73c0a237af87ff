import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import {
  concreteTopics,
  deadLetterTopic,
  PROVIDERS_WITH_TOPICS,
  retryTopic,
  RETRY_TIERS,
  SERVICES,
  takesIn,
  topicName,
  topicOf,
  TOPICS,
  type TopicPattern,
} from './topics.js';

const parameterOf = (pattern: string): string | undefined =>
  pattern.includes('<provider>') ? 'digipost' : pattern.includes('<orgnr>') ? '310000019' : undefined;

describe('the table of topics', () => {
  it('names each topic once and has a schema for it', () => {
    expect(new Set(TOPICS.map(({ name }) => name)).size).toBe(TOPICS.length);
    for (const { subject } of TOPICS) expect(existsSync(`schemas/${subject}/1.avsc`)).toBe(true);
  });

  it('finds the row of every concrete topic, with its parameter', () => {
    for (const { name } of TOPICS) {
      const parameter = parameterOf(name);
      expect(topicOf(topicName(name, parameter))).toMatchObject({ topic: { name }, parameter });
    }
  });

  it.each([
    'letter.acceptedXv1',
    'letter.dispatch..v1',
    'letter.status.v1.12345678',
    'letter.status.v1.123456789.x',
    ' letter.accepted.v1',
    'receipts.dlq',
    '',
  ])('does not take %j for one of ours', (name) => {
    expect(topicOf(name)).toBeUndefined();
  });

  it.each(['../x', 'A', '', 'a'.repeat(41)])('refuses %j in the place of a provider', (parameter) => {
    expect(() => topicName('letter.dispatch.<provider>.v1', parameter)).toThrow('needs a parameter');
  });

  it('keeps the days’ roots for ten years in one order, and nobody waits until a service has read them', () => {
    const root = TOPICS.find(({ name }) => name === 'day.closed.v1') as (typeof TOPICS)[number];
    expect(root).toMatchObject({ partitions: 1, retentionDays: 3_653, key: 'day' });
    expect(concreteTopics([])).toContainEqual({ name: 'day.closed.v1', partitions: 1, retentionDays: 3_653 });
    expect(SERVICES.filter((service) => takesIn(service, root))).toEqual([]);
    for (const topic of TOPICS.filter((one) => one !== root))
      expect(SERVICES.filter((service) => takesIn(service, topic))).toEqual(
        SERVICES.filter((service) => (topic.readers as readonly string[]).includes(service)),
      );
  });

  it('gives every service its retry tiers and a place for dead letters, and every agency its two topics', () => {
    const names = concreteTopics(['310000019']).map(({ name }) => name);
    for (const service of SERVICES)
      expect(names).toEqual(
        expect.arrayContaining([deadLetterTopic(service), ...RETRY_TIERS.map(({ tier }) => retryTopic(service, tier))]),
      );
    for (const provider of PROVIDERS_WITH_TOPICS) expect(names).toContain(`letter.dispatch.${provider}.v1`);
    expect(names).toEqual(expect.arrayContaining(['letter.submitted.v1.310000019', 'letter.status.v1.310000019']));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('services/README.md', () => {
  const lines = readFileSync('services/README.md', 'utf8').split('\n');
  const cells = (service: string): string[] =>
    (lines.find((line) => line.startsWith(`| \`${service}\``)) ?? '').split('|');
  const topicsIn = (cell: string | undefined): string[] =>
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] as string).sort();
  const of = (side: 'readers' | 'writers', service: string): TopicPattern[] =>
    TOPICS.filter((topic) => (topic[side] as readonly string[]).includes(service))
      .map(({ name }) => name)
      .sort();

  it.each(SERVICES)('tells what %s reads and writes as the table has it', (service) => {
    expect(topicsIn(cells(service)[3])).toEqual(of('readers', service));
    expect(topicsIn(cells(service)[4])).toEqual(of('writers', service));
  });
});
