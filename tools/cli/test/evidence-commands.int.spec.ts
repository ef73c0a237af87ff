import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TestAuthority, type SigningIdentity } from '@postgang/document-package';
import {
  canonical,
  chainStart,
  DAY_ROOT_FORMAT,
  DayTree,
  hashEntry,
  openDayRoot,
  signDayRoot,
  statementHash,
  writeEvidence,
  type DayRoot,
  type Evidence,
} from '@postgang/evidence';
import { sealLetter, service as intakeService } from '@postgang/integration-point';
import { KeyRing } from '@postgang/outside';
import { decode, letterIdOf } from '@postgang/pipeline';
import { service } from '@postgang/receipts';
import { openDatabase } from '@postgang/runtime';
import { freshDatabase } from '@postgang/testing';
import { Command } from 'commander';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evidenceCommands } from '../src/evidence-commands.js';

const RECIPIENT = '01810050019';
const DOCUMENT = Buffer.alloc(32, 7);
const OPERATOR = '310000019';
const SENDER = '991825827';
const DAY = '2026-11-24';
/** Lines of its own, and what a terminal does not show. */
const HOSTILE =
  'case-1\n  1  2026-11-24T10:00:00.000Z  leveringskvittering, leg 1  signed by 984661185\nok\u001b[8m\u009b8m';
const ids = ['held', 'altered', 'new', HOSTILE].map((reference) => letterIdOf(SENDER, reference));
const [HELD, ALTERED, NEW, LYING] = ids as [string, string, string, string];
const environment = { ...process.env };
let folder: string;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let source: Awaited<ReturnType<typeof openDatabase>>;
let operator: SigningIdentity;
let intake: Awaited<ReturnType<typeof openDatabase>>;
const ring = JSON.stringify(
  Object.fromEntries(
    ['internal', 'content'].map((scope) => [
      scope,
      { active: '1', keys: { '1': Buffer.alloc(32, scope.length).toString('base64') } },
    ]),
  ),
);
const keys = KeyRing.parse(ring);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evidence-'));
  database = await freshDatabase();
  process.env['POSTGRES_URL'] = database.url;
  const { migrations } = service.database as NonNullable<typeof service.database>;
  source = await openDatabase({
    ...{ url: database.url, schema: 'receipts', pool: 2, entities: [] },
    ...{ migrations, onStatement: () => undefined },
  });
  process.env['KEY_RING'] = ring;
  const taking = intakeService.database as NonNullable<typeof intakeService.database>;
  intake = await openDatabase({
    ...{ url: database.url, schema: 'integration_point', pool: 2, entities: taking.entities },
    ...{ migrations: taking.migrations, onStatement: () => undefined },
  });
  const authority = await TestAuthority.create();
  operator = await authority.issue(OPERATOR, 'Operator', {
    notBefore: new Date('2026-01-01'),
    notAfter: new Date('2027-01-01'),
  });
  writeFileSync(join(folder, 'root.pem'), String(authority.trust[0]));
  writeFileSync(join(folder, 'other.pem'), String((await TestAuthority.create('Other')).trust[0]));
  const tree = new DayTree();
  for (const reference of ['held', 'altered', HOSTILE].sort((a, b) =>
    letterIdOf(SENDER, a) < letterIdOf(SENDER, b) ? -1 : 1,
  ))
    tree.add({ letterId: letterIdOf(SENDER, reference), seq: 2, head: await write(reference, DAY) });
  await write('new', '2026-11-25');
  const { rest, size, root } = tree.finish();
  const statement = await signDayRoot(
    {
      ...{ format: DAY_ROOT_FORMAT, day: DAY, closedAt: '2026-11-24T23:15:00.000Z', size },
      ...{ root: root.toString('hex'), previous: null },
    },
    operator,
  );
  await source.query('INSERT INTO day_chunk VALUES ($1, 0, $2, $3, $4)', [
    ...[DAY, rest?.firstLetter, rest?.root, rest?.leaves],
  ]);
  await source.query('INSERT INTO day_root VALUES ($1, $2, $3, $4)', [DAY, size, root, statement]);
}, 60_000);

afterAll(async () => {
  process.env = environment;
  await source.destroy();
  await intake.destroy();
  await database.drop();
  rmSync(folder, { recursive: true });
});

/** As integration-point accepted it: the commitments for the history, the letter with its salts in its table. */
async function accept(reference: string): Promise<Record<string, string>> {
  const sealed = sealLetter(
    keys,
    {
      ...{ sender: SENDER, senderName: undefined, supplier: undefined, door: 'REST', traceparent: '' },
      letter: {
        ...{ reference, kind: 'information', recipient: RECIPIENT, title: 'Brev', nonSensitiveTitle: 'Brev' },
        ...{ language: 'nb', securityLevel: 3, openingReceipt: false, documents: [{ title: 'Brev' }] },
      } as never,
      documents: [{ title: 'Brev', mediaType: 'application/pdf', ref: 'ref', size: 1, sha256: DOCUMENT }] as never,
    },
    new Date('2026-11-24T10:00:00Z'),
  );
  await intake.query(
    `INSERT INTO letter (id, sender, reference, content_hash, body, salt_key) VALUES ($1, $2, $3, $4, $5, $6)`,
    [sealed.letterId, SENDER, reference, sealed.contentHash, sealed.body, sealed.saltKey],
  );
  const { commitments } = decode('letter.accepted.v1', sealed.body);
  return {
    recipientCommitment: String(commitments?.recipient.toString('hex')),
    documentsCommitment: String(commitments?.documents.toString('hex')),
  };
}

async function write(reference: string, day: string): Promise<Buffer> {
  const letterId = letterIdOf(SENDER, reference);
  const commitments = await accept(reference);
  let hash = chainStart(letterId);
  const at = new Date('2026-11-24T10:00:00Z');
  await source.query('INSERT INTO letter (id, sender, reference, seq) VALUES ($1, $2, $3, 2)', [
    ...[letterId, SENDER, reference],
  ]);
  for (const [index, kind] of ['accepted', reference === HOSTILE ? 'refused\nok' : 'refused'].entries()) {
    const data = canonical(kind === 'accepted' ? { particulars: commitments } : { kind });
    const entry = { seq: index + 1, at, kind, leg: null, eventId: `${letterId} ${kind}`, data };
    hash = hashEntry(hash, { ...entry, letterId });
    await source.query(
      `INSERT INTO history (letter_id, seq, at, kind, event_id, data, hash, recorded_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [letterId, entry.seq, at, kind, entry.eventId, entry.data, hash, day],
    );
  }
  return hash;
}

/** Exit code 0 only where nothing was thrown. */
async function postgang(...args: string[]): Promise<{ out: string; err: string; exit: number; error?: string }> {
  const program = new Command('postgang').exitOverride();
  evidenceCommands(program);
  let [out, err] = ['', ''];
  const catching = [
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true)),
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true)),
  ];
  try {
    await program.parseAsync(['evidence', ...args], { from: 'user' });
    return { out, err, exit: 0 };
  } catch (error) {
    const { exitCode, message } = error as Error & { exitCode?: number };
    return { out, err, exit: exitCode ?? 1, error: message };
  } finally {
    for (const one of catching) one.mockRestore();
  }
}
const file = (name: string): string => join(folder, name);
const trusting = ['--trust', 'root.pem', '--operator', OPERATOR];
const verify = (name: string, ...more: string[]) =>
  postgang('verify', file(name), ...more.map((one) => (one.endsWith('.pem') ? file(one) : one)));

describe('postgang evidence', () => {
  it('exports a letter into a file that is checked without database or configuration', async () => {
    expect(await postgang('export', HELD, '--out', file('held.json'))).toEqual({ out: '', err: '', exit: 0 });
    expect(statSync(file('held.json')).mode & 0o077).toBe(0);
    expect((await postgang('export', HELD)).out).toBe(readFileSync(file('held.json'), 'utf8'));
    delete process.env['POSTGRES_URL'];
    try {
      const verified = await verify('held.json', ...trusting);
      expect(verified).toMatchObject({ exit: 0, err: '' });
      expect(verified.out).toMatch(
        /reference held\n.*accepted\n.*refused\nheld by the roots of 2026-11-24 .*\nthe whole history as it was at the end of 2026-11-2\d\nok\n$/s,
      );
    } finally {
      process.env['POSTGRES_URL'] = database.url;
    }
  });

  it('keeps what a file says within the lines that speak of it', async () => {
    await postgang('export', LYING, '--out', file('lying.json'));
    for (const trust of [[], trusting]) {
      const { out } = await verify('lying.json', ...trust);
      // only who is told whom to trust is told that it holds
      expect(out.split('\n').filter((line) => line.startsWith('ok'))).toHaveLength(trust.length === 0 ? 0 : 1);
      expect(out).toContain('reference case-1   1  2026-11-24T10:00:00.000Z  leveringskvittering');
      expect(out).toContain('refused ok\n');
      expect(out).not.toMatch(/[\u001b\u009b]/);
    }
    const { out } = await verify('lying.json', ...trusting, '--json');
    expect(out).not.toMatch(/[\u001b\u009b]/);
    expect(JSON.parse(out)).toMatchObject({ holds: true, letter: { reference: HOSTILE } });
  });

  it('makes a file that others could read its owner’s alone', async () => {
    writeFileSync(file('readable.json'), 'something longer than nothing', { mode: 0o644 });
    expect(await postgang('export', HELD, '--out', file('readable.json'))).toMatchObject({ exit: 0 });
    expect(statSync(file('readable.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(file('readable.json'), 'utf8')).toBe(readFileSync(file('held.json'), 'utf8'));
  });

  it('says of a root that it replaced another one, and to who kept that one that it did', async () => {
    const evidence = JSON.parse((await postgang('export', HELD)).out) as Evidence;
    const [given = ''] = evidence.roots;
    const replaces = statementHash(given);
    const statement = await signDayRoot({ ...(openDayRoot(given)?.says as DayRoot), replaces }, operator);
    writeFileSync(file('replaced.json'), writeEvidence({ ...evidence, roots: [statement] }));
    const verified = await verify('replaced.json', ...trusting);
    expect(verified).toMatchObject({ exit: 0, err: '' });
    expect(verified.out).toContain(`\nremark: root ${DAY}: replaces one that was given out before, ${replaces}\nok\n`);
    expect((await verify('replaced.json', ...trusting, '--root', statementHash(statement))).exit).toBe(0);
    expect(await verify('replaced.json', ...trusting, '--root', replaces)).toMatchObject({
      ...{ exit: 1, out: '' },
      error: `root ${DAY}: replaces the one that was kept`,
    });
  });

  it('says with its exit code what does not hold, and what could not be found out', async () => {
    await postgang('export', HELD, '--out', file('held.json'));
    const text = readFileSync(file('held.json'), 'utf8');
    writeFileSync(file('spoilt.json'), text.replace('refused', 'posted'));
    expect(await verify('held.json')).toMatchObject({ exit: 2, error: expect.stringContaining('no --trust') });
    expect(await verify('held.json', '--trust', 'other.pem')).toMatchObject({
      ...{ exit: 1, error: 'root 2026-11-24: certificate-untrusted' },
    });
    expect(await verify('spoilt.json', ...trusting)).toMatchObject({ exit: 1, error: 'entry 2: hash' });
    expect(JSON.parse((await verify('spoilt.json', ...trusting, '--json')).out)).toEqual({
      ...{ holds: false, where: 'entry 2', problem: 'hash' },
    });
    expect(await verify('held.json', '--trust', 'root.pem', '--operator', SENDER)).toMatchObject({ exit: 1 });
    expect(await verify('held.json', '--trust', 'root.pem')).toMatchObject({
      ...{ exit: 2, error: expect.stringContaining('no --operator') },
    });
    expect(await verify('held.json', ...trusting, '--root', 'ab'.repeat(32))).toMatchObject({ exit: 1 });
    expect(await verify('missing.json', ...trusting)).toMatchObject({ exit: 2 });
    expect(await verify('held.json', '--trust', 'root.pem', '--operator', 'nobody')).toMatchObject({ exit: 2 });
    expect(JSON.parse((await verify('held.json', ...trusting, '--json')).out)).toMatchObject({ holds: true });
  });

  it('reveals recipient and documents on request only, and after the salts are erased nobody can', async () => {
    const plain = (await postgang('export', HELD)).out;
    expect(plain).not.toContain(RECIPIENT);
    expect(await postgang('export', HELD, '--reveal', '--out', file('revealed.json'))).toMatchObject({ exit: 0 });
    const verified = await verify('revealed.json', ...trusting);
    expect(verified).toMatchObject({ exit: 0 });
    expect(verified.out).toContain(`revealed recipient: "${RECIPIENT}"`);
    expect(verified.out).toContain(`revealed documents: ${JSON.stringify(JSON.stringify([DOCUMENT.toString('hex')]))}`);
    writeFileSync(file('lie.json'), readFileSync(file('revealed.json'), 'utf8').replace(RECIPIENT, '02820050048'));
    expect((await verify('lie.json', ...trusting)).error).toBe('revealed recipient: not what was committed to');
    expect(await postgang('erase', HELD)).toMatchObject({ exit: 0 });
    expect(await postgang('erase', HELD)).toMatchObject({ exit: 1 });
    expect((await postgang('export', HELD, '--reveal')).error).toBe(
      'the salts of this letter were erased, or never made',
    );
    expect((await postgang('export', HELD)).out).toBe(plain);
    writeFileSync(file('plain.json'), plain);
    expect(await verify('plain.json', ...trusting)).toMatchObject({ exit: 0 });
  });

  it('tells that a letter of today is held by no root yet', async () => {
    const exported = await postgang('export', NEW, '--out', file('new.json'));
    expect(exported.err).toMatch(/^Entries 1–2 are held by no signed root yet/);
    expect(await verify('new.json', ...trusting)).toMatchObject({
      exit: 1,
      error: 'entry 1: no root holds it: its day is not closed yet, or it was cut off',
    });
  });

  it('finds a letter whose whole history was written anew', async () => {
    await source.query('ALTER TABLE history DISABLE TRIGGER append_only');
    let hash = chainStart(ALTERED);
    const at = new Date('2026-11-24T09:00:00Z');
    for (const [index, kind] of ['accepted', 'refused'].entries()) {
      const entry = { seq: index + 1, at, kind, leg: null, eventId: `${ALTERED} ${kind}`, data: canonical({ kind }) };
      hash = hashEntry(hash, { ...entry, letterId: ALTERED });
      await source.query('UPDATE history SET at = $3, hash = $4 WHERE letter_id = $1 AND seq = $2', [
        ...[ALTERED, entry.seq, at, hash],
      ]);
    }
    await source.query('ALTER TABLE history ENABLE TRIGGER append_only');
    expect(await postgang('export', ALTERED)).toMatchObject({
      ...{ exit: 1, out: '' },
      error: expect.stringMatching(/^entry 2 is not what the root of 2026-11-24 holds/),
    });
    expect(await postgang('export', HELD)).toMatchObject({ exit: 0 });
  });

  it('says what is wrong with a letter that is not there, and with a server', async () => {
    expect(await postgang('export', letterIdOf(SENDER, 'x'))).toMatchObject({ error: 'there is no such letter' });
    expect(await postgang('export', 'x')).toMatchObject({ error: 'a letter id is a UUID' });
    process.env['POSTGRES_URL'] = 'postgres://nobody:secret@127.0.0.1:1/none';
    const { error } = await postgang('export', HELD);
    process.env['POSTGRES_URL'] = database.url;
    expect(error).toBe(
      'PostgreSQL at 127.0.0.1:1 (POSTGRES_URL) cannot be reached: nobody listens there (ECONNREFUSED)',
    );
  });
});
