import {
  EvidenceError,
  MAX_EVIDENCE_BYTES,
  readEvidence,
  verifyEvidence,
  writeEvidence,
  type Evidence,
  type Verified,
} from '@postgang/evidence';
import { LetterSalts, SaltsUnavailable } from '@postgang/integration-point';
import { KeyRing } from '@postgang/outside';
import { isUuid } from '@postgang/pipeline';
import { exportEvidence } from '@postgang/receipts';
import { parseConfig, runtimeConfig } from '@postgang/runtime';
import { isOrganisationNumber } from '@postgang/rules';
import type { Command } from 'commander';
import { closeSync, fchmodSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { causeOf, certificatesOf, readInput, UsageError } from './package-input.js';
import { postgres, unusable } from './servers.js';
import { document, line } from './standard-output.js';

/** The same name as the services use, so that their environment serves here too. */
const config = runtimeConfig.pick({}).extend({ POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap() });

const keysConfig = runtimeConfig.pick({}).extend({ KEY_RING: runtimeConfig.shape.KEY_RING.unwrap() });

interface VerifyArguments {
  readonly trust?: string;
  readonly operator?: string;
  readonly root?: string;
  readonly json?: boolean;
}

/** `postgang evidence …`: what can be proved about a letter, and checking it without the system. */
export function evidenceCommands(program: Command): void {
  const group = program.command('evidence').description('proof of what happened to a letter');
  group
    .command('export')
    .description('writes all that proves what happened to a letter into one file')
    .argument('<letter>', 'letter id')
    .option('--out <file>', 'where it is written; standard output otherwise')
    .option(
      '--reveal',
      'with recipient and documents in clear, and the salts that prove them: for who has the right to it',
    )
    .addHelpText(
      'after',
      '\nReads POSTGRES_URL as the services do; a role that may read the views history_api_v1 is enough. --reveal needs KEY_RING_FILE as well, and the tables of integration-point.',
    )
    .action(exportOne);
  group
    .command('erase')
    .description(
      'erases the salts of a letter: nobody can prove or guess any more whom its history is about; the history holds as before',
    )
    .argument('<letter>', 'letter id')
    .action(erase);
  group
    .command('verify')
    .description('checks such a file, offline: needs no configuration, no database, no network')
    .argument('<file>')
    .option('--trust <pem>', 'certificates that are trusted: the roots of operator and providers')
    .option('--operator <orgnr>', "who must have signed the days' roots")
    .option(
      '--root <sha256>',
      "hash of a day's signed root that was kept (they are published on day.closed.v1): it must be among those in the file",
    )
    .option('--json', 'one JSON document, also about what does not hold')
    .addHelpText(
      'after',
      '\nExit code 0: everything holds. 1: it does not, and the first wrong position is named. 2: without --trust and --operator that cannot be found out, since anybody whom the same authority certified could have signed.',
    )
    .action(verify);
}

async function exportOne(letter: string, { out, reveal }: { out?: string; reveal?: boolean }): Promise<void> {
  const { POSTGRES_URL } = parseConfig('postgang evidence', config, process.env);
  const evidence = await exportEvidence(POSTGRES_URL, letter).catch(unusable(postgres(POSTGRES_URL)));
  const revealed =
    reveal === true ? await withSalts((salts, keys) => salts.reveal(evidence.letter.id, keys), true) : [];
  const text = writeEvidence({ ...evidence, revealed });
  if (out === undefined) process.stdout.write(text);
  else
    try {
      writePrivately(out, text);
    } catch (error) {
      throw new UsageError(`--out ${out}: ${causeOf(error)}`, { cause: error });
    }
  const held = heldUntil(evidence);
  if (held < evidence.entries.length)
    process.stderr.write(
      `Entries ${held + 1}–${evidence.entries.length} are held by no signed root yet: their day is not over. Export again tomorrow.\n`,
    );
}

/** Nobody else's to read, also where another file lay: it tells of one person's letter. */
function writePrivately(path: string, text: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    if (fstatSync(file).isFile()) fchmodSync(file, 0o600);
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

async function withSalts<T>(work: (salts: LetterSalts, keys: KeyRing) => Promise<T>, open = false): Promise<T> {
  const { POSTGRES_URL } = parseConfig('postgang evidence', config, process.env);
  const keys = open
    ? KeyRing.parse(parseConfig('postgang evidence', keysConfig, process.env).KEY_RING)
    : new KeyRing(new Map());
  const away = unusable(postgres(POSTGRES_URL));
  const salts = await LetterSalts.open(POSTGRES_URL).catch(away);
  try {
    return await work(salts, keys).catch(away);
  } finally {
    await salts.close();
  }
}

async function erase(letter: string): Promise<void> {
  if (!isUuid(letter)) throw new UsageError('a letter id is a UUID');
  if (!(await withSalts((salts) => salts.erase(letter))))
    throw new SaltsUnavailable('there is no such letter, or its salts are erased already');
}

const heldUntil = ({ paths }: Evidence): number => Math.max(0, ...paths.map(({ seq }) => seq));

async function verify(file: string, options: VerifyArguments): Promise<void> {
  if (options.operator !== undefined && !isOrganisationNumber(options.operator))
    throw new UsageError('--operator is not an organisation number');
  if (options.root !== undefined && !/^[0-9a-f]{64}$/.test(options.root))
    throw new UsageError('--root takes a SHA-256, 64 hexadecimal digits');
  const trust = options.trust === undefined ? undefined : certificatesOf(options.trust, '--trust');
  const bytes = readInput(file, 'file', MAX_EVIDENCE_BYTES);
  let verified: Verified;
  try {
    verified = await verifyEvidence(readEvidence(bytes), { trust, operator: options.operator, kept: options.root });
  } catch (error) {
    if (options.json === true && error instanceof EvidenceError) {
      const { where, problem } = error;
      document({ holds: false, where, problem });
    }
    throw error;
  }
  const whose = verified.trusted && options.operator !== undefined;
  if (options.json === true) document({ holds: whose, ...verified });
  else show(verified, whose);
  if (!verified.trusted)
    throw new UsageError('it does not contradict itself, but whose signatures these are was not checked: no --trust');
  if (!whose)
    throw new UsageError(
      `it does not contradict itself, but whether ${verified.roots.operator} may sign the days' roots was not checked: no --operator`,
    );
}

function show({ letter, entries, receipts, roots, completeAtEndOf, revealed, remarks }: Verified, ok: boolean): void {
  const signed = new Map(receipts.map((receipt) => [receipt.entry, receipt]));
  line(`letter ${letter.id} of ${letter.sender}, reference ${letter.reference}`);
  for (const { seq, at, kind, leg } of entries) {
    const receipt = signed.get(seq);
    const by = receipt === undefined ? '' : `  signed by ${receipt.signer} at ${receipt.signedAt}`;
    line(`${String(seq).padStart(3)}  ${at}  ${kind}${leg === null ? '' : `, leg ${leg}`}${by}`);
  }
  line(`held by the roots of ${roots.first} to ${roots.last}, signed by ${roots.operator}`);
  line(`the whole history as it was at the end of ${completeAtEndOf}`);
  for (const { field, value } of revealed) line(`revealed ${field}: ${JSON.stringify(value)}`);
  for (const remark of remarks) line(`remark: ${remark}`);
  if (ok) line('ok');
}
