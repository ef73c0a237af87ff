import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decryptCms, PackageError, TestAuthority, type SigningIdentity } from '../src/index.js';
import { hasOpenssl } from './outside-tools.js';

const oaep = (hash: string, mask = hash): string[] =>
  ['rsa_padding_mode:oaep', `rsa_oaep_md:${hash}`, `rsa_mgf1_md:${mask}`].flatMap((option) => ['-keyopt', option]);
const TO = ['-recip', 'leaf.pem'];

const VARIANTS: [what: string, options: string[], outcome: string][] = [
  ['as the profile has it', ['-aes256', ...TO, ...oaep('sha256')], 'opened'],
  ['streamed: indefinite lengths, strings in parts', ['-stream', '-aes256', ...TO, ...oaep('sha256')], 'opened'],
  ["the recipient by its key's identifier", ['-keyid', '-aes256', ...TO, ...oaep('sha256')], 'opened'],
  ["OAEP with SHA-1, as the profile's text has it", ['-aes256', ...TO, ...oaep('sha1')], 'opened'],
  ['two hashes in OAEP', ['-aes256', ...TO, ...oaep('sha256', 'sha1')], 'unsupported-algorithm'],
  ['OAEP with SHA-512', ['-aes256', ...TO, ...oaep('sha512')], 'unsupported-algorithm'],
  ['OAEP with a label', ['-aes256', ...TO, ...oaep('sha256'), '-keyopt', 'rsa_oaep_label:41'], 'cannot-decrypt'],
  ['key transport by PKCS #1 v1.5', ['-aes256', ...TO], 'unsupported-algorithm'],
  ['AES-128', ['-aes128', ...TO, ...oaep('sha256')], 'unsupported-algorithm'],
  ['AES-256-GCM', ['-aes-256-gcm', ...TO, ...oaep('sha256')], 'unsupported-algorithm'],
  ['two recipients', ['-aes256', ...TO, ...oaep('sha256'), ...TO, ...oaep('sha256')], 'unsupported-algorithm'],
  ['another recipient', ['-aes256', '-recip', 'other.pem', ...oaep('sha256')], 'cannot-decrypt'],
];

(hasOpenssl() ? describe : describe.skip)('a package encrypted by openssl cms', () => {
  const content = randomBytes(100_000);
  let folder: string;
  let mailbox: SigningIdentity;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postgang-cms-'));
    const authority = await TestAuthority.create();
    const other = await authority.issue('922020175', 'Annen');
    mailbox = await authority.issue('984661185', 'Postkasse');
    writeFileSync(join(folder, 'leaf.pem'), mailbox.certificates[0]!.toString());
    writeFileSync(join(folder, 'other.pem'), other.certificates[0]!.toString());
    writeFileSync(join(folder, 'content'), content);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(VARIANTS)('%s', (_what, options, outcome) => {
    execFileSync(
      'openssl',
      ['cms', '-encrypt', '-binary', '-in', 'content', '-outform', 'DER', '-out', 'cms', ...options],
      {
        cwd: folder,
        stdio: 'pipe',
        timeout: 20_000,
      },
    );
    let found: string;
    try {
      found = decryptCms(readFileSync(join(folder, 'cms')), mailbox.key).equals(content) ? 'opened' : 'other content';
    } catch (error) {
      found = error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
    }
    expect(found).toBe(outcome);
  });
});
