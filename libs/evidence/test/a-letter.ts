import { createHash, randomBytes, randomUUID, type X509Certificate } from 'node:crypto';
import { receiptSbd, signSbd, TestAuthority, type ReceiptBody, type SigningIdentity } from '@postgang/document-package';
import { conversationIdOf, letterIdOf } from '@postgang/pipeline';
import { dayAfter } from '@postgang/rules';
import {
  canonical,
  chainStart,
  commit,
  commitmentName,
  DAY_ROOT_FORMAT,
  EVIDENCE_FORMAT,
  hashEntry,
  hashLeaf,
  pathOf,
  receiptDigest,
  receiptEventId,
  rootOf,
  saltOf,
  signDayRoot,
  statementHash,
  type Evidence,
  type EvidenceEntry,
} from '../src/index.js';

export const OPERATOR = '310000019';
export const DIGIPOST = '984661185';
export const SENDER = '991825827';
export const RECIPIENT = '01810050019';
const MONDAY = '2026-11-23';

export interface Made {
  readonly evidence: Evidence;
  readonly trust: readonly X509Certificate[];
  readonly authority: TestAuthority;
  readonly operator: SigningIdentity;
  readonly digipost: SigningIdentity;
}

const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest();
const base64 = ({ raw }: X509Certificate): string => raw.toString('base64');

export interface Line {
  readonly at: string;
  readonly kind: string;
  readonly leg: number | null;
  readonly eventId?: string;
  readonly particulars?: Readonly<Record<string, string>>;
}

/**
 * The evidence of a letter as the service would have it: accepted, sealed and handed over on Monday, delivered and opened on Tuesday; in trees with
 * `others` letters around it, and with roots up to Thursday.
 */
export async function aLetter({
  others = 6,
  revealed = false,
  revokedSince = undefined as Date | undefined,
} = {}): Promise<Made> {
  // keys take longer than all the rest
  known ??= somebody();
  const { authority, operator, digipost } = await known;
  const reference = 'case-1';
  const id = letterIdOf(SENDER, reference);
  const receipts = await Promise.all([
    receiptOf(id, digipost, 'leveringskvittering', '2026-11-24T08:00:00.000Z'),
    receiptOf(id, digipost, 'aapningskvittering', '2026-11-24T09:00:00.000Z'),
  ]);
  const saltKey = randomBytes(32);
  const salt = saltOf(saltKey, 'recipient');
  const lines: Line[] = [
    {
      ...{ at: '2026-11-23T10:00:00.000Z', kind: 'accepted', leg: null },
      particulars: { door: 'REST', [commitmentName('recipient')]: commit(salt, RECIPIENT).toString('hex') },
    },
    {
      ...{ at: '2026-11-23T10:00:01.000Z', kind: 'routed', leg: 1 },
      particulars: { rule: 'mailbox', provider: 'digipost', organisation: DIGIPOST },
    },
    { at: '2026-11-23T10:00:02.000Z', kind: 'handed-over', leg: 1 },
    ...receipts.map(({ raw, kind, at }) => ({
      ...{ at, kind, leg: 1, eventId: receiptEventId('digipost', raw) },
      particulars: { receipt: receiptDigest(raw) },
    })),
  ];
  const entries = chained(id, lines);
  const revoked =
    revokedSince === undefined
      ? []
      : [{ certificate: digipost.certificates[0] as X509Certificate, since: revokedSince }];
  const dates = { thisUpdate: new Date('2026-11-25T00:00:00Z') };
  const [, list] = (await authority.revocationLists(revoked, dates)) as [Buffer, Buffer];
  const days = await daysOf(id, entries, { 1: 3, 2: 5 }, others, operator);
  const evidence: Evidence = {
    format: EVIDENCE_FORMAT,
    letter: { id, sender: SENDER, reference },
    entries,
    receipts: receipts.map(({ raw }, at) => ({
      ...{ entry: 4 + at, provider: 'digipost', raw, certificates: digipost.certificates.slice(0, 2).map(base64) },
      revocationLists: [sha256(list).toString('hex')],
    })),
    revocationLists: [list.toString('base64')],
    ...days,
    revealed: revealed ? [{ field: 'recipient', salt: salt.toString('hex'), value: RECIPIENT }] : [],
  };
  return { evidence, trust: authority.trust.slice(0, 1), authority, operator, digipost };
}

let known: ReturnType<typeof somebody> | undefined;
async function somebody() {
  const authority = await TestAuthority.create();
  const valid = { notBefore: new Date('2026-01-01'), notAfter: new Date('2036-01-01') };
  const [operator, digipost] = await Promise.all([
    authority.issue(OPERATOR, 'Operator', valid),
    authority.issue(DIGIPOST, 'Digipost', valid),
  ]);
  return { authority, operator, digipost };
}

/** Signed when it happened, unless another time is said. */
export async function receiptOf(
  id: string,
  signer: SigningIdentity,
  kind: ReceiptBody['kind'],
  at: string,
  leg = 1,
  signedAt = at,
) {
  const head = {
    ...{ technicalSender: DIGIPOST, receiver: OPERATOR, messageId: randomUUID(), createdAt: new Date(signedAt) },
    conversationId: conversationIdOf(id, leg),
  };
  return { raw: await signSbd(receiptSbd(head, { kind, process: 'digital', at: new Date(at) }), signer), kind, at };
}

export function chained(id: string, lines: readonly Line[]): EvidenceEntry[] {
  let previous = chainStart(id);
  return lines.map(({ at, kind, leg, eventId = randomUUID(), particulars }, index) => {
    const data = canonical({ particulars });
    const entry = { seq: index + 1, at, kind, leg, eventId };
    previous = hashEntry(previous, { ...entry, letterId: id, at: new Date(at), data });
    return { ...entry, data: data.toString(), hash: previous.toString('hex') };
  });
}

/** `changed`: day of the week → number of the letter's newest entry then; `replaces`: day of the week → hash of what was given out before. */
export async function daysOf(
  id: string,
  entries: readonly EvidenceEntry[],
  changed: Readonly<Record<number, number>>,
  others: number,
  operator: SigningIdentity,
  replaces: Readonly<Record<number, string>> = {},
): Promise<Pick<Evidence, 'paths' | 'roots' | 'through'>> {
  const paths: Evidence['paths'][number][] = [];
  const roots: string[] = [];
  let previous: string | null = sha256('the week before').toString('hex');
  let day = MONDAY;
  for (let number = 1; number <= 4; number++, day = dayAfter(day)) {
    const seq = changed[number];
    const around = Array.from({ length: others }, () => ({ letterId: randomUUID(), seq: 1, head: randomBytes(32) }));
    const mine =
      seq === undefined ? [] : [{ letterId: id, seq, head: Buffer.from(entries[seq - 1]?.hash ?? '', 'hex') }];
    const leaves = [...around, ...mine].sort((a, b) => (a.letterId < b.letterId ? -1 : 1));
    const hashes = leaves.map(hashLeaf);
    const index = leaves.findIndex(({ letterId }) => letterId === id);
    if (seq !== undefined)
      paths.push({
        ...{ day, seq, index },
        steps: pathOf(hashes, index).map(({ sibling, node }) => ({
          sibling: sibling.toString('hex'),
          node: node.toString('hex'),
        })),
      });
    const closedAt = new Date(Date.parse(`${dayAfter(day)}T00:15:00+01:00`)).toISOString();
    const root = rootOf(hashes).toString('hex');
    const says = { format: DAY_ROOT_FORMAT, day, closedAt, size: hashes.length, root, previous } as const;
    const given = replaces[number];
    const statement = await signDayRoot(given === undefined ? says : { ...says, replaces: given }, operator);
    previous = statementHash(statement);
    roots.push(statement);
  }
  return { paths, roots, through: dayAfter(day, -1) };
}
