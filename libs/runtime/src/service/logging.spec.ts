import { describe, expect, it } from '@jest/globals';
import { describeError, scrub } from '../scrub.js';
import { createLogger, NestLogger } from './logging.js';

const ID = '13868190005';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJtYXNraW5wb3J0ZW4ifQ.c2lnbmF0dXJl';
const PEM = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----';
const SECRETS = [ID, TOKEN, 'kari@example.no', 'hemmelig', 'Prøveveien', 'MIIEvQIBADANBgkqhkiG9w0', '+4791234567'];

/** One line as it would be written. */
function logged(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const lines: string[] = [];
  write(createLogger('test', 'trace', { write: (line) => lines.push(line) }));
  expect(lines).toHaveLength(1);
  for (const secret of SECRETS) expect(lines[0]).not.toContain(secret);
  return JSON.parse(lines[0] as string) as Record<string, unknown>;
}

function jsonMistake(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a log line', () => {
  it('has its service, level and time, and no personal field by any of their names', () => {
    const line = logged((log) =>
      log.info(
        {
          nationalId: ID,
          recipient: ID,
          letter: { title: 'hemmelig', address: 'Prøveveien 5', to: { email: 'kari@example.no' } },
          headers: { authorization: `Bearer ${TOKEN}` },
          letterId: 'b1f0f2a5-9d07-5b64-8f6f-0d3c2d1f7a11',
        },
        'handled',
      ),
    );
    expect(line).toMatchObject({ service: 'test', level: 'info', msg: 'handled', nationalId: '[redacted]' });
    expect(line['letterId']).toBe('b1f0f2a5-9d07-5b64-8f6f-0d3c2d1f7a11');
  });

  it.each([
    ['a national id in the message', `no such person: ${ID}`],
    ['a national id as people write it', `no such person: ${ID.slice(0, 6)} ${ID.slice(6)}`],
    ['an address of e-mail', 'rejected <kari@example.no>'],
    ['a mobile number', 'no route to +4791234567'],
    ['a token', `got ${TOKEN}`],
    ['a bearer token of any make', 'sent Bearer hemmelighemmelig'],
    ['a password in an address', 'cannot reach postgres://app:hemmelig@db:5432/postgang'],
    ['a private key', `cannot read ${PEM}`],
    ['a private key that was cut off', `cannot read ${PEM.slice(0, 50)}`],
  ])('does not show %s', (_what, text) => {
    logged((log) => log.warn(text));
    logged((log) => log.warn({ err: new Error(text) }, 'failed'));
    logged((log) => log.warn({ err: new Error('outer', { cause: new Error(text) }) }, 'failed'));
    logged((log) => log.warn({ err: new AggregateError([new Error(text)], 'all failed') }, 'failed'));
    logged((log) => log.warn({ a: { b: { c: { d: [text] } } } }, 'deep'));
    logged((log) => new NestLogger(log).error(new Error(text)));
    expect(SECRETS.filter((secret) => describeError(new Error(text)).includes(secret))).toEqual([]);
  });

  it('shows of an error its class, message, stack and causes, and nothing that hangs on it', () => {
    const error = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: `Key (recipient)=(${ID}) already exists.`,
      parameters: [ID],
      config: { headers: { authorization: TOKEN } },
    });
    expect(logged((log) => log.error({ err: error }, 'failed'))).toMatchObject({
      err: { type: 'Error', message: 'duplicate key', code: '23505' },
    });
  });

  it.each([
    ['a unique key', `Key (recipient, name)=(${ID}, Kari (Lise) Nordmann) already exists.`],
    ['a type', 'invalid input syntax for type uuid: "Kari Nordmann"'],
    ['an enum', 'invalid input value for enum colour: "Kari Nordmann"'],
    ['a date', 'date/time field value out of range: "Kari Nordmann"'],
    ['JSON', jsonMistake('{"a": Kari Nordmann}')],
    ['more JSON', jsonMistake(`${' '.repeat(200)}{"name": "Kari Nordmann" Kari Nordmann}${' '.repeat(200)}`)],
  ])('does not repeat the value that an error about %s quotes', (_what, text) => {
    expect(JSON.stringify(logged((log) => log.warn({ err: new Error(text) }, 'failed')))).not.toContain('Nordmann');
    expect(JSON.stringify(logged((log) => new NestLogger(log).error(new Error(text))))).not.toContain('Nordmann');
    expect(describeError(new Error(text))).not.toContain('Nordmann');
  });

  it('has no personal field at any depth, no bytes, and an end', () => {
    const deep = { a: { b: { c: { d: { Name: 'hemmelig', 'postal-address': ['Prøveveien 5'], kept: 1n } } } } };
    expect(logged((log) => log.info({ deep: [deep] }, 'deep'))).toMatchObject({
      deep: [{ a: { b: { c: { d: { Name: '[redacted]', kept: '1' } } } } }],
    });
    const around: Record<string, unknown> = {};
    around['again'] = around;
    logged((log) => log.info({ around, value: Buffer.from('hemmelig'), many: Array(10_000).fill(7) }, 'odd'));
    logged((log) => log.info({ [ID]: 1, why: new Error('no', { cause: new Error(`for ${ID}`) }) }, 'odd'));
  });

  it('stays JSON when eleven digits were a number', () => {
    expect(logged((log) => log.info({ count: Number(ID) }, 'odd'))).toMatchObject({ count: '[national-id]' });
  });
});

describe('what is not personal', () => {
  it.each([
    'b1f0f2a5-9d07-5b64-8f6f-0d3c2d1f7a11',
    '2026-11-23T12:00:00.000Z',
    'letter.submitted.v1.310000027',
    '0192:310000027',
    'offset 1234567890123',
    'postgres://db:5432/postgang',
  ])('stays: %s', (text) => {
    expect(scrub(text)).toBe(text);
  });
});
