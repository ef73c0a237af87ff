import {
  certificatesFromPem,
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
import { readFileSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { signingIdentityFromP12 } from './p12.js';

interface Options {
  readonly key?: string;
  readonly password?: string;
  readonly trust?: string;
  readonly json?: boolean;
}

const MEDIA_TYPES: Record<string, string> = {
  '.pdf': 'application/pdf',
  '.txt': 'text/plain',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
};

/** `postgang package …`: exit code 0 only if everything holds. */
export function packageCommands(program: Command): void {
  const group = program.command('package').description('sealed packages (dokumentpakke) and signed messages');
  for (const [name, what] of [
    [
      'inspect',
      'shows what is in a package (.cms with --key), container (.zip, .asice) or message (.jwt), and verifies it',
    ],
    ['verify', 'as inspect, but says only whether everything holds'],
  ] as const) {
    group
      .command(name)
      .description(what)
      .argument('<file>')
      .option('--key <p12>', 'PKCS#12 file with the private key that opens the package')
      .option('--password <password>', 'its password', '')
      .option('--trust <pem>', 'trusted certificates; without them the signature is checked, but not whose it is')
      .option('--json', 'one JSON document')
      .action((file: string, options: Options) => {
        const found = examine(readFileSync(file), options);
        if (options.json === true) process.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
        else if (name === 'verify') process.stdout.write('ok\n');
        else
          for (const [field, value] of Object.entries(found))
            process.stdout.write(`${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
      });
  }
  group
    .command('seal')
    .description('seals documents into a package, the first being the main document')
    .argument('<files...>')
    .requiredOption('--key <p12>', "PKCS#12 file with the signer's key and chain")
    .option('--password <password>', 'its password', '')
    .requiredOption('--recipient <pem>', 'certificate whose key opens the package')
    .requiredOption('--sender <orgnr>', 'organisation number of the sender')
    .option('--mailbox <address>', 'mailbox address; without it the package is for print')
    .requiredOption('--out <file>', 'where the package is written')
    .action(
      async (
        files: string[],
        options: Required<Options> & { recipient: string; sender: string; mailbox?: string; out: string },
      ) => {
        if (!isOrganisationNumber(options.sender)) throw new Error('--sender is not an organisation number');
        const recipient = certificatesFromPem(readFileSync(options.recipient, 'utf8'))[0];
        if (recipient === undefined) throw new Error('--recipient holds no certificate');
        const [main, ...attachments] = files.map((file, index) => {
          const mediaType = MEDIA_TYPES[extname(file).toLowerCase()];
          if (mediaType === undefined)
            throw new Error(`${extname(file) || 'no extension'}: only ${Object.keys(MEDIA_TYPES).join(', ')}`);
          return {
            href: safeHref(index, mediaType),
            mediaType,
            title: file.split(/[\\/]/).at(-1) ?? file,
            content: readFileSync(file),
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
          signer: signingIdentityFromP12(readFileSync(options.key), options.password),
          recipient,
          signingTime: new Date(),
        });
        writeFileSync(options.out, sealed.cms);
        process.stdout.write(`${sealed.digest}\n`);
      },
    );
}

/** Throws PackageError, or an Error when something to look with is missing. */
export function examine(bytes: Buffer, options: Options): Record<string, unknown> {
  const trust = options.trust === undefined ? undefined : certificatesFromPem(readFileSync(options.trust, 'utf8'));
  if (bytes.subarray(0, 2).toString() === 'PK')
    return container(verifyContainer(bytes, trust === undefined ? {} : { trust }));
  if (bytes.subarray(0, 2).toString() === 'ey') return message(bytes.toString('latin1').trim(), trust);
  if (options.key === undefined) throw new Error('this looks like an encrypted package: it needs --key');
  const zip = decryptCms(bytes, signingIdentityFromP12(readFileSync(options.key), options.password ?? '').key);
  return { digest: packageDigest(bytes), ...container(verifyContainer(zip, trust === undefined ? {} : { trust })) };
}

function container({ manifest, documents, signingTime, signer }: VerifiedContainer): Record<string, unknown> {
  const leaf = signer[0];
  return {
    signature: 'holds',
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
  return { type: verified.type, signature: 'holds', signer: verified.organisation, message: verified.sbd };
}

/** What a person is told: the reason and its sentence. */
export const tell = (error: unknown): string =>
  error instanceof PackageError
    ? `${error.message}: ${REASONS[error.reason]}`
    : error instanceof Error
      ? error.message
      : String(error);
