import {
  decryptCms,
  organisationNumberOf,
  packageDigest,
  PackageError,
  readSbd,
  REASONS,
  safeHref,
  sealPackage,
  verifyContainer,
  verifySbd,
  type VerifiedContainer,
} from '@postgang/document-package';
import { isOrganisationNumber, participantOf } from '@postgang/rules';
import type { Command } from 'commander';
import type { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { causeOf, certificatesOf, identityOf, readPackage, UsageError, type KeyOptions } from './package-input.js';
import { document, line } from './standard-output.js';

interface Options extends KeyOptions {
  readonly trust?: string;
  readonly json?: boolean;
}

const MEDIA_TYPES: Record<string, string> = {
  '.pdf': 'application/pdf',
  '.txt': 'text/plain',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
};

const addPassword = (command: Command): Command =>
  command
    .option('--password <password>', 'its password; everybody who may list processes sees it')
    .option('--password-file <file>', 'file whose first line is its password; - reads standard input')
    .addHelpText('after', '\nWithout either the password is taken from POSTGANG_P12_PASSWORD.');

/** `postgang package …`: exit code 0 only if everything holds, 1 if it does not, 2 if that could not be found out. */
export function packageCommands(program: Command): void {
  const group = program.command('package').description('sealed packages (dokumentpakke) and signed messages');
  for (const [name, what] of [
    [
      'inspect',
      'shows what is in a package (.cms with --key), container (.zip, .asice) or message (.jwt), and verifies it',
    ],
    ['verify', 'as inspect, but says only whether everything holds'],
  ] as const) {
    const command = group.command(name).description(what).argument('<file>');
    addPassword(command.option('--key <p12>', 'PKCS#12 file with the private key that opens the package'))
      .option('--trust <pem>', 'trusted certificates; without them the signature is checked, but not whose it is')
      .option('--json', 'one JSON document, also about what does not hold')
      .action((file: string, options: Options) => inspect(name, file, options));
  }
  addPassword(
    group
      .command('seal')
      .description('seals documents into a package, the first being the main document')
      .argument('<files...>')
      .requiredOption('--key <p12>', "PKCS#12 file with the signer's key and chain"),
  )
    .requiredOption('--recipient <pem>', 'certificate whose key opens the package')
    .requiredOption('--sender <orgnr>', 'organisation number of the sender')
    .option('--mailbox <address>', 'mailbox address; without it the package is for print')
    .requiredOption('--out <file>', 'where the package is written')
    .action(
      async (
        files: string[],
        options: KeyOptions & { key: string; recipient: string; sender: string; mailbox?: string; out: string },
      ) => {
        if (!isOrganisationNumber(options.sender)) throw new UsageError('--sender is not an organisation number');
        const [recipient] = certificatesOf(options.recipient, '--recipient') as [X509Certificate];
        const [main, ...attachments] = files.map((file, index) => {
          const mediaType = MEDIA_TYPES[extname(file).toLowerCase()];
          if (mediaType === undefined)
            throw new UsageError(`${extname(file) || 'no extension'}: only ${Object.keys(MEDIA_TYPES).join(', ')}`);
          return {
            href: safeHref(index, mediaType),
            mediaType,
            title: file.split(/[\\/]/).at(-1) ?? file,
            content: readPackage(file),
          };
        });
        const sealed = await sealPackage({
          manifest: {
            sender: participantOf(options.sender),
            language: 'nb',
            ...(options.mailbox === undefined ? {} : { mailboxAddress: options.mailbox }),
          },
          main: main as NonNullable<typeof main>,
          attachments,
          signer: identityOf(options),
          recipient,
          signingTime: new Date(),
        });
        try {
          writeFileSync(options.out, sealed.cms);
        } catch (error) {
          throw new UsageError(`--out ${options.out}: ${causeOf(error)}`, { cause: error });
        }
        process.stdout.write(`${sealed.digest}\n`);
      },
    );
}

function inspect(name: 'inspect' | 'verify', file: string, options: Options): void {
  let found: Record<string, unknown>;
  try {
    found = examine(readPackage(file), options);
    if (name === 'verify' && found['signature'] !== HOLDS)
      throw new UsageError('a message is verified against trusted certificates: it needs --trust');
  } catch (error) {
    if (options.json === true && error instanceof PackageError) {
      const { reason, where } = error;
      document({ holds: false, reason, where, meaning: REASONS[reason] });
    }
    throw error;
  }
  if (options.json === true) document({ holds: true, ...found });
  else if (name === 'verify')
    process.stdout.write(
      options.trust === undefined ? 'ok, but whose signature it is was not checked: no --trust\n' : 'ok\n',
    );
  else
    for (const [field, value] of Object.entries(found))
      line(`${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}

const HOLDS = 'holds';
const DER_SEQUENCE = 0x30;

/** Throws PackageError, or UsageError when something to look with is missing. */
export function examine(bytes: Buffer, options: Options): Record<string, unknown> {
  const trust = options.trust === undefined ? undefined : certificatesOf(options.trust, '--trust');
  const verify = (zip: Buffer) => container(verifyContainer(zip, trust === undefined ? {} : { trust }));
  const start = bytes.toString('latin1', 0, 2);
  if (start === 'PK') return verify(bytes);
  if (start === 'ey') return message(bytes.toString('latin1').trim(), trust);
  if (bytes[0] !== DER_SEQUENCE)
    throw new PackageError('not-a-package', 'neither container, encrypted package nor message');
  if (options.key === undefined) throw new UsageError('this looks like an encrypted package: it needs --key');
  const zip = decryptCms(bytes, identityOf({ ...options, key: options.key }).key);
  return { digest: packageDigest(bytes), ...verify(zip) };
}

function container({ manifest, documents, signingTime, signer }: VerifiedContainer): Record<string, unknown> {
  const leaf = signer[0];
  return {
    signature: HOLDS,
    signedAt: signingTime.toISOString(),
    signer: leaf === undefined ? undefined : organisationNumberOf(leaf),
    signerValid:
      leaf === undefined ? undefined : `${leaf.validFromDate.toISOString()} – ${leaf.validToDate.toISOString()}`,
    manifest,
    documents: documents.map(({ href, mediaType, title, content }) => ({
      href,
      mediaType,
      title,
      bytes: content.length,
    })),
  };
}

function message(jws: string, trust: Parameters<typeof verifySbd>[1]['trust'] | undefined): Record<string, unknown> {
  if (trust === undefined) {
    const { sbd, type } = readSbd(jws);
    return { type, signature: 'not checked: give --trust', message: sbd };
  }
  const verified = verifySbd(jws, { trust });
  return { type: verified.type, signature: HOLDS, signer: verified.organisation, message: verified.sbd };
}

/** What a person is told: the reason and its sentence. */
export const tell = (error: unknown): string =>
  error instanceof PackageError
    ? `${error.message}: ${REASONS[error.reason]}`
    : error instanceof Error
      ? error.message
      : String(error);
