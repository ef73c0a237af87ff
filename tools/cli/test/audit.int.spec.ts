import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { conversationIdOf, letterIdOf, messageIdOf } from '@postgang/pipeline';
import { createLogger, createTopics, kafkaClient, kafkaProducer } from '@postgang/runtime';
import { freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import { Command } from 'commander';
import pg from 'pg';
import { auditCommand } from '../src/audit-commands.js';
import type { Listed } from '../src/audit/tally.js';
import { booked, SENDER, STORIES, type Story } from './booked-letters.js';
import { WHEN } from './planted-faults.js';
import { makeTables, write } from './write-books.js';

const HOUR = 3_600_000;
const NOW = Date.now();
const FROM = new Date(NOW - 24 * HOUR).toISOString();
const TO = new Date(NOW + HOUR).toISOString();
const PERIOD = ['--from', FROM, '--to', TO];
const environment = { ...process.env };
const prefix = uniquePrefix();
const dir = mkdtempSync(join(tmpdir(), 'postgang-audit-'));
const reportFile = join(dir, 'report.csv');
const handedInFile = join(dir, 'handed-in.csv');
const reader = `auditor_${randomUUID().slice(0, 8)}`;

let database: Awaited<ReturnType<typeof freshDatabase>>;
let client: pg.Client;
/** By story: the letter's reference is `story-n`. */
const letters = STORIES.flatMap((story) =>
  [1, 2, 3, 4].map((n) =>
    booked(story, `${story}-${n}`, NOW - (story === 'accepted' ? 10 * 60_000 : 3 * HOUR), NOW + HOUR),
  ),
);
const idOf = (story: Story, n: number): string => letterIdOf(SENDER, `${story}-${n}`);
const reportLines = letters.flatMap(({ reported = [], id }) =>
  reported.map(({ messageId, at, status }) => ({
    id,
    messageId,
    line: [messageId, new Date(at).toISOString(), status, conversationIdOf(id, 1)].join(','),
  })),
);
const csv = (lines: readonly string[]): string => ['message_id,time,status,conversation_id', ...lines, ''].join('\r\n');

interface Document {
  closed: boolean;
  accepted: number;
  endings: Record<string, number>;
  unread: { service: string; topic: string; records: number }[] | null;
  imbalanceCount: number;
  imbalances: Listed[];
}

async function postgang(...args: string[]): Promise<{ out: string; code: number }> {
  const program = new Command('postgang').exitOverride();
  auditCommand(program);
  let out = '';
  const stdout = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  process.exitCode = 0;
  try {
    await program.parseAsync(['audit', ...args], { from: 'user' });
    return { out, code: Number(process.exitCode) };
  } finally {
    stdout.mockRestore();
    process.exitCode = 0;
  }
}

async function audit(...args: string[]): Promise<Document & { code: number }> {
  const { out, code } = await postgang(
    ...PERIOD,
    '--provider-report',
    reportFile,
    '--handed-in',
    handedInFile,
    '--sender',
    SENDER,
    '--json',
    ...args,
  );
  return { ...(JSON.parse(out) as Document), code };
}

/** Breaks the books, audits them, and mends them again. */
async function broken(breaking: string, values: unknown[] = []): Promise<Document & { code: number }> {
  for (const table of TABLES)
    await client.query(`CREATE TABLE backup_${table.replace('.', '_')} AS SELECT * FROM ${table}`);
  try {
    for (const [index, statement] of breaking.split(';').entries())
      await client.query(statement, index === 0 ? values : []);
    return await audit();
  } finally {
    for (const table of TABLES) {
      const backup = `backup_${table.replace('.', '_')}`;
      await client.query(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM ${backup}; DROP TABLE ${backup}`);
    }
  }
}
const TABLES = [
  'integration_point.letter',
  'register_lookup.route',
  'provider_dispatch.effect',
  'receipts.letter',
  'receipts.leg',
  'receipts.history',
  'receipts.receipt',
  'receipts.expectation',
];

beforeAll(async () => {
  database = await freshDatabase();
  await makeTables(database.url);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('ALTER TABLE receipts.history DISABLE TRIGGER append_only');
  await write(client, ...letters);
  // the letters of another agency and of another day are in nobody's way
  await write(client, booked('delivered', 'last-week', NOW - 7 * 24 * HOUR, NOW));
  await client.query(`CREATE ROLE ${reader} LOGIN IN ROLE postgang_operations_reader`);
  const url = new URL(database.url);
  url.username = reader;
  process.env['POSTGRES_URL'] = url.href;
  process.env['OWNED_PROVIDERS'] = [...WHEN.owned].join();
  delete process.env['KAFKA_BROKERS'];
  writeFileSync(reportFile, csv(reportLines.map(({ line }) => line)));
  writeFileSync(handedInFile, ['reference', ...letters.map(({ reference }) => `"${reference}"`)].join('\n'));
}, 120_000);

afterAll(async () => {
  process.env = environment;
  await client.query(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`).catch(() => undefined);
  await client.end();
  await database.drop();
  rmSync(dir, { recursive: true });
});

describe('postgang audit, with the rights of an operations reader', () => {
  it('closes books that nobody has touched, and names every end in the sum', async () => {
    const { code, closed, accepted, endings, imbalances } = await audit();
    expect(imbalances).toEqual([]);
    expect({ code, closed, accepted }).toEqual({ code: 0, closed: true, accepted: letters.length });
    expect(endings).toEqual({
      delivered: 16,
      posted: 4,
      'ended-otherwise': 20,
      'in-flight': 28,
      unaccounted: 0,
    });
    expect(Object.values(endings).reduce((sum, count) => sum + count)).toBe(accepted);
    const words = await postgang(...PERIOD);
    expect(words).toMatchObject({ code: 0, out: expect.stringMatching(/accepted +68\n[^]*The books close\.\n$/) });
  });

  it.each<[string, string, Story, string, RegExp]>([
    [
      'an intake row deleted',
      'DELETE FROM integration_point.letter WHERE id = $1',
      'delivered',
      'intake-row-missing',
      /row missing in integration-point/,
    ],
    [
      'a letter deleted in receipts',
      'DELETE FROM receipts.letter WHERE id = $1',
      'posted',
      'missing-in-receipts',
      /letter row missing in receipts/,
    ],
    [
      'a record skipped by register-lookup',
      "UPDATE integration_point.letter SET accepted_at = accepted_at - interval '1 hour' WHERE id = $1",
      'accepted',
      'never-routed',
      /accepted, never routed: record skipped\?/,
    ],
    [
      'an event that never went out',
      "UPDATE integration_point.letter SET published_at = NULL, accepted_at = accepted_at - interval '1 hour' WHERE id = $1",
      'parked',
      'unpublished',
      /published_at missing/,
    ],
    [
      'a route deleted',
      'DELETE FROM register_lookup.route WHERE letter_id = $1',
      'opened',
      'row-missing',
      /row missing in register-lookup/,
    ],
    [
      'an effect unrecorded',
      'DELETE FROM provider_dispatch.effect WHERE letter_id = $1',
      'handed-over',
      'effect-unrecorded',
      /in provider's report, no effect recorded/,
    ],
    [
      'an entry altered',
      `UPDATE receipts.history SET data = '{"x":1}' WHERE letter_id = $1 AND seq = 3`,
      'delivered',
      'history-altered',
      /^history entry 3 altered/,
    ],
    [
      'two entries swapped',
      'UPDATE receipts.history SET seq = -seq WHERE letter_id = $1 AND seq IN (2, 3); UPDATE receipts.history SET seq = 5 + seq WHERE seq < 0',
      'returned',
      'history-altered',
      /^entries 2 and 3 swapped/,
    ],
    [
      'an entry deleted',
      'DELETE FROM receipts.history WHERE letter_id = $1 AND seq = 2',
      'opened',
      'history-altered',
      /^history entry 2 missing/,
    ],
    [
      'a signed receipt deleted',
      'DELETE FROM receipts.receipt WHERE letter_id = $1',
      'delivered',
      'row-missing',
      /its receipt is missing in receipts/,
    ],
    [
      'a deadline passed',
      "UPDATE receipts.expectation SET due_at = now() - interval '1 minute' WHERE letter_id = $1",
      'handed-over',
      'overdue',
      /^overdue: digipost owes Delivered of leg 1 since/,
    ],
  ])('finds %s', async (_what, breaking, story, cause, says) => {
    const id = idOf(story, 2);
    const { code, imbalances } = await broken(breaking, [id]);
    expect(imbalances).toEqual([
      { letterId: id, sender: SENDER, reference: `${story}-2`, cause, says: expect.stringMatching(says) },
    ]);
    expect(code).toBe(1);
  });

  it("finds a receipt that was lost, a hand-over that the provider does not know, and doubled ones, in the provider's own report", async () => {
    const message = (story: Story): string => messageIdOf(idOf(story, 3), 1);
    const at = new Date(NOW - HOUR).toISOString();
    const lines = reportLines
      .filter(({ messageId }) => messageId !== message('opened'))
      .map(({ messageId, line }) =>
        messageId === message('handed-over') ? line.replace(',accepted,', ',delivered,') : line,
      );
    const stranger = randomUUID();
    const second = randomUUID();
    writeFileSync(
      reportFile,
      csv([
        ...lines,
        lines.find((line) => line.startsWith(message('delivered'))) as string,
        [second, at, 'accepted', conversationIdOf(idOf('posted', 3), 1)].join(','),
        [stranger, at, 'accepted', ''].join(','),
      ]),
    );
    const { code, imbalances } = await audit();
    writeFileSync(reportFile, csv(reportLines.map(({ line }) => line)));
    expect(code).toBe(1);
    expect(Object.fromEntries(imbalances.map(({ reference, says }) => [reference, says]))).toEqual({
      'handed-over-3': 'receipt lost: provider says delivered, history does not',
      'opened-3': "leg 1 handed over per ledger, not in provider's report",
      'delivered-3': `doubled hand-over: provider lists message ${message('delivered')} 2 times`,
      'posted-3': `doubled hand-over: provider has leg 1 a second time, as message ${second}`,
      null: `message ${stranger} in provider's report, no effect recorded, of no letter of this period`,
    });
    expect(imbalances).toHaveLength(5);
  });

  it('finds a letter that the agency handed in and nobody accepted, and masks what looks like a national id in its reference', async () => {
    const list = join(dir, 'longer.csv');
    writeFileSync(list, ['\uFEFFreference,note', 'never\u001b[2J-came,', '"01810050019","a, b"', ''].join('\r\n'));
    const { out, code } = await postgang(...PERIOD, '--sender', SENDER, '--handed-in', list, '--json');
    expect(code).toBe(1);
    expect((JSON.parse(out) as Document).imbalances.map(({ reference, cause }) => [reference, cause]).sort()).toEqual([
      ['[national-id]', 'never-accepted'],
      ['never [2J-came', 'never-accepted'],
    ]);
    expect(out).not.toContain('01810050019');
  });

  it('counts what it does not list', async () => {
    const { out, code } = await postgang(...PERIOD, '--list', '1', '--as-of', new Date(NOW + 2 * HOUR).toISOString());
    expect(code).toBe(1);
    expect(out).toMatch(/IMBALANCES +\d+\n[^]*overdue +20\n[^]*… and \d+ more \(--list\)\n$/);
  });

  it('says which topic nobody has read, and where the record of a missing letter lies', async () => {
    const { brokers } = testServers();
    const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'audit-spec', createLogger('audit-spec', 'silent'));
    await createTopics(kafka, [SENDER], { prefix, replication: 1, partitions: 1 });
    const producer = kafkaProducer(kafka);
    await producer.connect();
    const lost = idOf('accepted', 4);
    const record = (topic: string, headers = {}) => ({
      topic: prefix + topic,
      messages: [{ key: lost, value: Buffer.from('x'), headers }],
    });
    await producer.sendBatch({
      topicMessages: [
        record('letter.accepted.v1'),
        // only looked at: nobody has it unread
        record('day.closed.v1'),
        record('register-lookup.dlq', {
          'origin-topic': 'letter.accepted.v1',
          failure: `UnknownSchema: what\u001b[2J \u202eis it? ${'x'.repeat(500)}`,
        }),
        // another agency has named the letter as the key of its own hand-in
        record('integration-point.dlq', { 'origin-topic': 'letter.submitted.v1.310000108', failure: 'not yours' }),
      ],
      acks: -1,
    });
    await producer.disconnect();
    process.env['KAFKA_BROKERS'] = brokers.join(',');
    process.env['TOPIC_PREFIX'] = prefix;
    const { unread, imbalances } = await broken(
      "UPDATE integration_point.letter SET accepted_at = accepted_at - interval '1 hour' WHERE id = $1",
      [lost],
    ).finally(() => {
      delete process.env['KAFKA_BROKERS'];
    });
    // a producer may write a record twice under load
    expect(unread?.map(({ service, topic, records }) => [service, topic, records > 0])).toEqual([
      ['register-lookup', 'letter.accepted.v1', true],
      ['receipts', 'letter.accepted.v1', true],
    ]);
    expect(imbalances).toHaveLength(1);
    const [, failure = ''] =
      /^accepted, never routed: record skipped\?; dead letter of register-lookup \((.*)\)$/.exec(
        imbalances[0]?.says ?? '',
      ) ?? [];
    expect(failure).toMatch(/^UnknownSchema: what \[2J {2}is it\? x+$/);
    expect(failure).toHaveLength(300);
  });

  it.each<[string, string[], RegExp]>([
    ['no period', [], /--from and --to are needed/],
    ['a moment without offset', ['--from', '2026-11-24T08:00', '--to', '2026-11-25'], /--from takes a day/],
    ['a day that is none', ['--day', '2026-11-44'], /--day takes a day/],
    ['an end before the beginning', ['--from', '2026-11-25', '--to', '2026-11-24'], /--from must be before --to/],
    [
      'a sender that is none',
      [...PERIOD, '--sender', "1'; DROP TABLE letter"],
      /--sender takes an organisation number/,
    ],
    ['a report that is not there', [...PERIOD, '--provider-report', '/nowhere.csv'], /there is no such file/],
  ])('refuses %s as wrong usage', async (_what, args, says) => {
    await expect(postgang(...args)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(says) });
  });

  it.each<[string, string]>([
    ['no offset', '2026-11-24T08:00:00'],
    ['no time of day', '2026-11-24'],
    ['a time zone by name', '2026-11-24T08:00:00 CET'],
    ['a day that is none', '2026-02-30T08:00:00Z'],
  ])(
    'refuses a report whose time has %s, by its line: it would be another moment on another machine',
    async (_what, time) => {
      const file = join(dir, 'zoneless.csv');
      writeFileSync(
        file,
        csv([`${randomUUID()},2026-11-24T08:00:00+01:00,accepted,`, `${randomUUID()},${time},accepted,`]),
      );
      await expect(postgang(...PERIOD, '--provider-report', file)).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(/^--provider-report: line 3 has no time with its offset \(ISO 8601/),
      });
      const message = { messageId: randomUUID(), time, status: 'accepted' };
      writeFileSync(file, JSON.stringify({ messages: [message] }));
      await expect(postgang(...PERIOD, '--provider-report', file)).rejects.toThrow(
        /^--provider-report: message 1 has no time with its offset/,
      );
    },
  );

  it('refuses a list with a NUL character by its line, and repeats nothing of it', async () => {
    const file = join(dir, 'nul.csv');
    writeFileSync(file, 'reference\ncase-1\n01810050019\0\n');
    await expect(postgang(...PERIOD, '--sender', SENDER, '--handed-in', file)).rejects.toMatchObject({
      exitCode: 2,
      message: '--handed-in: line 3 holds a NUL character; text in UTF-8 is wanted',
    });
    writeFileSync(file, Buffer.from('\uFEFFreference\ncase-1\n', 'utf16le'));
    await expect(postgang(...PERIOD, '--sender', SENDER, '--handed-in', file)).rejects.toThrow(
      /^--handed-in: line 1 holds a NUL character/,
    );
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['binary', '\0\u0001\u0002'.repeat(100)],
    ['a line without end', 'x'.repeat(50_000)],
    ['other columns', 'id,when\n1,2\n'],
    ['no UUID', 'message_id,time,status\n01810050019,2026-11-24T08:00:00Z,accepted\n'],
    ['a status of its own', `message_id,time,status\n${randomUUID()},2026-11-24T08:00:00Z,__proto__\n`],
    ['a time that is none', `message_id,time,status\n${randomUUID()},yesterday,accepted\n`],
    ['quotes that do not match', `message_id,time,status\n"${randomUUID()},2026-11-24T08:00:00Z,accepted\n`],
    ['JSON that is cut off', '{"messages": [{"messageId": "01810050019'],
    ['JSON of another kind', '{"messages": {"length": 3}}'],
    ['a list of nothing', '[null]'],
  ])('refuses a report with %s, and repeats nothing of it', async (_what, content) => {
    const file = join(dir, 'hostile.csv');
    writeFileSync(file, content);
    const refused = postgang(...PERIOD, '--provider-report', file);
    await expect(refused).rejects.toMatchObject({ name: 'UsageError', exitCode: 2 });
    await expect(refused).rejects.not.toThrow('01810050019');
  });

  it('says which server it was when there is none, and not with which password', async () => {
    const { POSTGRES_URL } = process.env;
    process.env['POSTGRES_URL'] = 'postgres://nobody:secret@127.0.0.1:1/none';
    await expect(postgang(...PERIOD)).rejects.toThrow(
      /^PostgreSQL at 127\.0\.0\.1:1 \(POSTGRES_URL\) cannot be reached: nobody listens there \(ECONNREFUSED\)$/,
    );
    process.env['POSTGRES_URL'] = POSTGRES_URL;
  });
});
