import 'reflect-metadata';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { TOPICS } from '@postgang/pipeline';
import { configKeys } from '@postgang/runtime';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import { SERVICES_BY_NAME, serviceNamed } from './services.js';

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly user?: string;
}

/** They run once and end, so nobody asks after their health. */
const ONE_SHOT = ['setup', 'cli'];

describe('docker-compose.yml, which cannot be run here', () => {
  let containers: Record<string, Container>;
  let volumes: string[];

  beforeAll(() => {
    const file = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
      services: Record<string, Container>;
      volumes: Record<string, unknown>;
    };
    containers = file.services;
    volumes = Object.keys(file.volumes);
  });

  it('has every service of the topic table, each with its own program', () => {
    const parties = new Set<string>(TOPICS.flatMap(({ writers, readers }) => [...writers, ...readers]));
    for (const outside of ['agency', 'adapter', 'operator']) parties.delete(outside);
    expect([...parties].filter((name) => containers[name] === undefined)).toEqual([]);
    for (const name of Object.keys(SERVICES_BY_NAME))
      expect(containers[name]?.command).toEqual(['node', `services/${name}/dist/main.js`]);
  });

  it('makes the topics of the table before any service starts, and the broker makes none by itself', () => {
    expect(containers['setup']?.command).toEqual(['node', 'tools/launch/dist/setup.js', '/var/lib/postgang']);
    expect(containers['kafka']?.environment?.['KAFKA_AUTO_CREATE_TOPICS_ENABLE']).toBe('false');
    for (const name of Object.keys(SERVICES_BY_NAME))
      expect(containers[name]?.depends_on?.['setup']?.condition).toBe('service_completed_successfully');
  });

  it.each(Object.keys(SERVICES_BY_NAME))('gives %s every setting it needs, and none it does not know', async (name) => {
    const { config } = await serviceNamed(name);
    const known = configKeys(config);
    const given = Object.keys(containers[name]?.environment ?? {}).map((key) =>
      known.includes(key) ? key : key.replace(/_FILE$/, ''),
    );
    expect(given.filter((key) => !known.includes(key))).toEqual([]);
    const shape = (config as unknown as z.ZodObject).shape as Record<string, z.ZodType>;
    const needed = known.filter((key) => !(shape[key] as z.ZodType).safeParse(undefined).success);
    expect(needed.filter((key) => !given.includes(key))).toEqual([]);
  });

  it('pins every image', () => {
    for (const { image } of Object.values(containers)) expect(image).toMatch(/^[a-z/]+:(?:local|\d+\.\d+[\w.-]*)$/);
    expect(readFileSync('deploy/docker/Dockerfile', 'utf8').match(/^FROM .*$/gm)).toEqual([
      expect.stringMatching(/^FROM node:\d+\.\d+\.\d+-\w+-slim AS build$/),
      expect.stringMatching(/^FROM node:\d+\.\d+\.\d+-\w+-slim$/),
    ]);
  });

  it('waits for health where there is health, and for the end of what ends', () => {
    for (const [name, { healthcheck, depends_on: needs = {} }] of Object.entries(containers)) {
      if (!ONE_SHOT.includes(name)) expect([name, healthcheck?.test.length]).toEqual([name, expect.any(Number)]);
      for (const [needed, { condition }] of Object.entries(needs)) {
        expect(Object.keys(containers)).toContain(needed);
        expect([needed, condition]).toEqual([
          needed,
          ONE_SHOT.includes(needed) ? 'service_completed_successfully' : 'service_healthy',
        ]);
      }
    }
  });

  it('opens ports on this machine only, and runs what is ours as nobody special', () => {
    for (const { image, ports = [], user } of Object.values(containers)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      if (image === 'postgang:local') expect(user).toBe('node');
    }
  });

  it('declares every volume it mounts', () => {
    const mounted = readFileSync('docker-compose.yml', 'utf8').matchAll(/'(\w+):\/var\/lib/g);
    expect([...new Set([...mounted].map(([, volume]) => volume))].sort()).toEqual(volumes.sort());
  });
});
