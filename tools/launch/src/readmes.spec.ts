import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { configKeys, runtimeConfig } from '@postgang/runtime';
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { SERVICES_BY_NAME, serviceNamed } from './services.js';

const shared = new Set(configKeys(runtimeConfig));

describe('the README of a service', () => {
  it.each(Object.keys(SERVICES_BY_NAME))('lists the settings of %s, and their defaults', async (name) => {
    const { config } = await serviceNamed(name);
    const readme = readFileSync(`services/${name}/README.md`, 'utf8');
    const table = readme.slice(readme.search(/^\| key\b/im));
    const listed = [...table.matchAll(/^\| `([A-Z][A-Z_]*)` *\| *`?([^`|]*?)`? *\|/gm)].map(([, key, value]) => [
      key,
      value === 'none' ? '' : value,
    ]);
    const shape = (config as unknown as z.ZodObject).shape as Record<string, z.ZodType>;
    const own = Object.entries(shape).filter(([key]) => !shared.has(key));
    expect(new Map(listed as [string, string][])).toEqual(
      new Map(
        own.map(([key, schema]) => {
          const { data, success } = schema.safeParse(undefined);
          return [key, success && data !== undefined ? JSON.stringify(data).replaceAll(/[[\]"]/g, '') : ''];
        }),
      ),
    );
  });
});
