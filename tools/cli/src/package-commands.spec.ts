import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TestAuthority, writeContainer, signSbd, receiptSbd, type SigningIdentity } from '@postgang/document-package';
import { describeWithShared, sharedFile } from '@postgang/testing';
import { Command } from 'commander';
import forge from 'node-forge';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageCommands, tell } from './package-commands.js';

interface Ran {
  readonly out: string;
  readonly error?: string;
  readonly exitCode: number;
}

/** As main.ts does it. */
async function postgang(...args: string[]): Promise<Ran> {
  const program = new Command('postgang').exitOverride().configureOutput({ writeErr: () => undefined });
  packageCommands(program);
  for (const group of program.commands)
    for (const command of group.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  let out = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await program.parseAsync(['package', ...args], { from: 'user' });
    return { out, exitCode: 0 };
  } catch (error) {
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    return { out, error: tell(error), exitCode: code?.startsWith('commander.') === true ? 2 : (exitCode ?? 1) };
  } finally {
    write.mockRestore();
  }
}

describe('postgang package', () => {
  let folder: string;
  let signer: SigningIdentity;
  const path = (name: string): string => join(folder, name);
  const PASSWORD = 'hemmelig-æøå';

  const p12Of = (identity: SigningIdentity): Buffer => {
    const asn1 = forge.pkcs12.toPkcs12Asn1(
      forge.pki.privateKeyFromPem(identity.key.export({ type: 'pkcs1', format: 'pem' }) as string),
      identity.certificates.map((certificate) => forge.pki.certificateFromPem(certificate.toString())),
      PASSWORD,
      { algorithm: 'aes256' },
    );
    return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1');
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postgang-cli-'));
    const authority = await TestAuthority.create();
    const [issued, mailbox, other] = await Promise.all([
      authority.issue('991825827', 'Avsender'),
      authority.issue('984661185', 'Postkasse'),
      authority.issue('922020175', 'Annen'),
    ]);
    signer = issued;
    writeFileSync(path('trust.pem'), authority.trust.map((certificate) => certificate.toString()).join('\n'));
    writeFileSync(path('signer.p12'), p12Of(signer));
    writeFileSync(path('mailbox.p12'), p12Of(mailbox));
    writeFileSync(path('other.p12'), p12Of(other));
    writeFileSync(path('mailbox.pem'), mailbox.certificates[0]!.toString());
    writeFileSync(path('password'), `${PASSWORD}\nnot this\n`);
    writeFileSync(path('empty'), '');
    writeFileSync(path('text.txt'), 'Hei på deg');
    writeFileSync(path('letter.pdf'), '%PDF-1.7 brev');
    mkdirSync(path('folder.zip'));
    writeFileSync(path('huge.cms'), '');
    truncateSync(path('huge.cms'), 200 * 1024 * 1024);
    const main = { href: 'document.txt', mediaType: 'text/plain', content: Buffer.from('x') };
    const manifest = { sender: '0192:991825827', language: 'nb' };
    const at = new Date();
    const zip = await writeContainer({ manifest, main, attachments: [], signer, signingTime: at });
    writeFileSync(path('container.zip'), zip);
    writeFileSync(
      path('tampered.zip'),
      Buffer.from(zip.toString('latin1').replace('<SigningTime>2', '<SigningTime>1'), 'latin1'),
    );
    const head = {
      technicalSender: '991825827',
      receiver: '991825827',
      messageId: '4c96fb25-54b0-4560-a954-afdeed10077b',
      conversationId: 'b63b72a3-ec7a-4d70-94f1-699ef899864f',
      createdAt: at,
    };
    writeFileSync(
      path('receipt.jwt'),
      `${await signSbd(receiptSbd(head, { kind: 'feil', process: 'digital', at, extra: { feiltype: 'KLIENT' } }), signer)}\n`,
    );
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => void delete process.env['POSTGANG_P12_PASSWORD']);

  const seal = (...more: string[]): Promise<Ran> =>
    postgang(
      'seal',
      path('letter.pdf'),
      path('text.txt'),
      '--recipient',
      path('mailbox.pem'),
      '--sender',
      '991825827',
      '--mailbox',
      'ola#1',
      '--out',
      path('sealed.cms'),
      '--key',
      path('signer.p12'),
      ...more,
    );

  it('seals what inspect and verify open, with the password from a file and from the environment', async () => {
    expect(await seal('--password-file', path('password'))).toMatchObject({ exitCode: 0 });
    process.env['POSTGANG_P12_PASSWORD'] = PASSWORD;
    const open = ['--key', path('mailbox.p12'), '--trust', path('trust.pem')];
    expect(await postgang('verify', path('sealed.cms'), ...open)).toEqual({ out: 'ok\n', exitCode: 0 });
    const { out } = await postgang('inspect', path('sealed.cms'), '--json', ...open);
    expect(JSON.parse(out)).toMatchObject({
      holds: true,
      signer: '991825827',
      manifest: { mailboxAddress: 'ola#1' },
      documents: [{ title: 'letter.pdf' }, { title: 'text.txt', bytes: 11 }],
    });
  });

  it('says whose signature a message has, and verifies it against trusted certificates only', async () => {
    expect((await postgang('inspect', path('receipt.jwt'))).out).toContain('signature: not checked: give --trust');
    expect(await postgang('verify', path('receipt.jwt'))).toMatchObject({ exitCode: 2, out: '' });
    expect(await postgang('verify', path('receipt.jwt'), '--trust', path('trust.pem'))).toEqual({
      out: 'ok\n',
      exitCode: 0,
    });
  });

  it('does not call a signature trusted that was not compared with anything', async () => {
    expect((await postgang('verify', path('container.zip'))).out).toContain('whose signature it is was not checked');
  });

  it('gives the reason for what does not hold, in JSON too', async () => {
    const ran = await postgang('inspect', path('tampered.zip'), '--json');
    expect(ran.exitCode).toBe(1);
    expect(JSON.parse(ran.out)).toMatchObject({
      holds: false,
      reason: expect.any(String),
      meaning: expect.any(String),
    });
    expect(await postgang('verify', path('text.txt'))).toMatchObject({
      exitCode: 1,
      error: expect.stringMatching(/^not-a-package/),
    });
    expect(await postgang('verify', path('empty'))).toMatchObject({
      exitCode: 1,
      error: expect.stringMatching(/^not-a-package/),
    });
  });

  it('tells a wrong key from a wrong package', async () => {
    await seal('--password', PASSWORD);
    const wrong = await postgang('verify', path('sealed.cms'), '--key', path('other.p12'), '--password', PASSWORD);
    expect(wrong).toMatchObject({ exitCode: 1, error: expect.stringMatching(/^cannot-decrypt/) });
  });

  const UNUSABLE: [what: string, args: (string | (() => string))[], says: string][] = [
    ['no such file', ['verify', 'none.zip'], 'there is no such file'],
    ['a folder', ['verify', () => path('folder.zip')], 'not a file'],
    ['a huge file', ['verify', () => path('huge.cms')], 'larger than 150 MB'],
    ['no key', ['verify', () => path('sealed.cms')], 'needs --key'],
    ['no such key', ['verify', () => path('sealed.cms'), '--key', 'none.p12'], 'there is no such file'],
    [
      'a wrong password',
      ['verify', () => path('sealed.cms'), '--key', () => path('mailbox.p12'), '--password', 'feil'],
      'wrong password',
    ],
    ['a key that is none', ['verify', () => path('sealed.cms'), '--key', () => path('text.txt')], 'not a P12 file'],
    [
      'two passwords',
      [
        'verify',
        () => path('sealed.cms'),
        '--key',
        () => path('mailbox.p12'),
        '--password',
        'x',
        '--password-file',
        'y',
      ],
      'exclude each other',
    ],
    [
      'nothing to trust',
      ['verify', () => path('container.zip'), '--trust', () => path('text.txt')],
      'no certificate in it',
    ],
    ['no file', ['verify'], 'missing required argument'],
    ['an unknown option', ['verify', 'x', '--unknown'], 'unknown option'],
  ];
  it.each(UNUSABLE)('cannot say anything given %s: exit code 2', async (_what, args, says) => {
    await seal('--password', PASSWORD);
    const ran = await postgang(...args.map((arg) => (typeof arg === 'string' ? arg : arg())));
    expect(ran).toMatchObject({ exitCode: 2, out: '', error: expect.stringContaining(says) });
    expect(ran.error).not.toContain('feil');
  });

  it('does not seal for nobody, nowhere, or what it does not know', async () => {
    const pass = ['--password', PASSWORD];
    expect(await seal(...pass, '--sender', '123456789')).toMatchObject({ exitCode: 2 });
    expect(await seal(...pass, '--recipient', path('text.txt'))).toMatchObject({ exitCode: 2 });
    expect(await seal(...pass, '--out', path('none/x.cms'))).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining('there is no such file'),
    });
    const unknown = await postgang(
      'seal',
      path('password'),
      '--recipient',
      path('mailbox.pem'),
      '--sender',
      '991825827',
      '--out',
      path('x'),
      '--key',
      path('signer.p12'),
      ...pass,
    );
    expect(unknown).toMatchObject({ exitCode: 2, error: expect.stringContaining('no extension') });
  });
});

describeWithShared('vectors/dpi/cases', 'postgang package inspect of the published files', () => {
  const file = (name: string): string => sharedFile(`vectors/dpi/cases/${name}`);

  it.each(['digital', 'utskrift'])('opens the %s package with its P12', async (name) => {
    const ran = await postgang(
      'inspect',
      file(`${name}-dokumentpakke.cms`),
      '--json',
      '--key',
      file('eksempel.p12'),
      '--password',
      'changeit',
    );
    expect(JSON.parse(ran.out)).toMatchObject({ holds: true, signature: 'holds', signer: '991825827' });
  });

  it('reads the container and the message', async () => {
    expect((await postgang('inspect', file('digital-dokumentpakke.zip'))).out).toContain('signature: holds');
    expect((await postgang('inspect', file('digital-forretningsmelding.jwt'))).out).toContain('type: digital');
  });
});
