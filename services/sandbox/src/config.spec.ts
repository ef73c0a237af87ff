import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsFrom, sandboxConfig } from './config.js';
import { SCRIPTED } from './people/scripted.js';
import { PROBLEMS } from './problems.js';

// the formatter pads tables
const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8').replace(/ +/g, ' ');

describe('settings', () => {
  it('come from flags before the environment', () => {
    const options = optionsFrom(['--seed', '9', '--verify=sample:10'], { SANDBOX_SEED: '8', SANDBOX_PORT: '0' });
    expect(options).toMatchObject({ seed: 9, port: 0, verification: { mode: 'sample', every: 10 } });
  });

  it('are refused all at once when wrong', () => {
    const wrong = (): unknown => optionsFrom(['--port', 'x', '--operator', '123456789'], {});
    expect(wrong).toThrow(/--port/);
    expect(wrong).toThrow(/--operator/);
    expect(() => optionsFrom(['--colour', 'red'], {})).toThrow(/colour/);
  });

  it('never start it in production', () => {
    expect(() => optionsFrom([], { POSTGANG_ENVIRONMENT: 'production' })).toThrow(/production/);
  });
});

describe('README', () => {
  it('lists every setting, every problem and every scripted recipient as it is', () => {
    for (const name of Object.keys(sandboxConfig.shape)) expect(readme).toContain(`\`${name}\``);
    for (const name of Object.keys(PROBLEMS)) expect(readme).toContain(`\`${name}\``);
    for (const { nationalId, case: name, story } of SCRIPTED)
      expect(readme).toContain(`| ${nationalId} | \`${name}\` | ${story} |`);
  });
});
