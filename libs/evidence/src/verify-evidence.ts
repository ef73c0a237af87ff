import { createHash, type X509Certificate } from 'node:crypto';
import {
  certificateFromBase64,
  issued,
  organisationNumberOf,
  PackageError,
  readRevocationList,
  RevocationListError,
  Revocations,
  verifyChain,
  verifySbd,
  type RevocationList,
  type VerifiedSbd,
} from '@postgang/document-package';
import { conversationIdOf, isUuid, letterIdOf } from '@postgang/pipeline';
import { dayAfter, isOrganisationNumber, isReceiptKind } from '@postgang/rules';
import { chainStart, hashEntry } from './chain.js';
import { commit, commitmentName, isCommittedField } from './commitment.js';
import { isHash, openDayRoot, statementHash, type DayRoot } from './day-root.js';
import { EvidenceError, type Evidence, type EvidenceReceipt } from './evidence-file.js';
import { climb, hashLeaf } from './merkle.js';
import { receiptDigest, receiptEventId } from './receipt-id.js';

export interface VerifyOptions {
  /** Roots, and intermediates if wanted. Without them everything is checked but whose the certificates are. */
  readonly trust?: readonly X509Certificate[] | undefined;
  /** Who must have signed the roots: anybody with a certificate of the same authority could. */
  readonly operator?: string | undefined;
  /** {@link statementHash} of a root that was kept outside: it must be among the roots. */
  readonly kept?: string | undefined;
}

export interface Verified {
  readonly letter: Evidence['letter'];
  readonly entries: readonly {
    readonly seq: number;
    readonly at: string;
    readonly kind: string;
    readonly leg: number | null;
  }[];
  readonly receipts: readonly VerifiedReceipt[];
  readonly roots: { readonly first: string; readonly last: string; readonly operator: string };
  /** Day at the end of which this was the whole history. A file that was cut tells of an earlier one: what came later is not disproved by it. */
  readonly completeAtEndOf: string;
  readonly revealed: readonly { readonly field: string; readonly value: string }[];
  /** False without trusted certificates. */
  readonly trusted: boolean;
  /** What could not be looked at, though nothing contradicts. */
  readonly remarks: readonly string[];
}

export interface VerifiedReceipt {
  readonly entry: number;
  readonly kind: string;
  readonly signedAt: string;
  /** Organisation number in the signer's certificate. */
  readonly signer: string;
}

/** Throws EvidenceError with the first wrong position. */
export async function verifyEvidence(evidence: Evidence, options: VerifyOptions = {}): Promise<Verified> {
  const verifying = new Verifying(evidence, options);
  return verifying.run();
}

interface OpenedReceipt {
  readonly receipt: EvidenceReceipt;
  readonly verified: VerifiedSbd;
  /** What stands behind the signer in its chain. */
  readonly authorities: readonly X509Certificate[];
}

const NOTICE_FAILED = 'notice-failed';
/** What the operator's own hosts tell of a leg before there can be a receipt about it. */
const UNTIL_SEALED: ReadonlySet<string> = new Set(['routed', 'sealed']);
const UNTIL_HANDED_OVER: ReadonlySet<string> = new Set([...UNTIL_SEALED, 'handed-over']);
/** How far a provider's clock may be from the operator's (milliseconds). DPI asks for five seconds of everybody; a letter must not depend on it. */
export const CLOCK_SKEW_MS = 300_000;

class Verifying {
  private readonly remarks: string[] = [];
  /** What a chain may end at: what is trusted, and authorities in the file that it vouches for. */
  private readonly anchors: X509Certificate[];
  private lists: readonly RevocationList[] = [];
  private revocations = new Revocations([]);
  private readonly used = new Set<string>();

  constructor(
    private readonly evidence: Evidence,
    private readonly options: VerifyOptions,
  ) {
    this.anchors = [...(options.trust ?? [])];
  }

  async run(): Promise<Verified> {
    const { evidence } = this;
    this.checkLetter();
    this.checkEntries();
    const opened = evidence.receipts.map((receipt, at) => this.openReceipt(receipt, `receipt ${at + 1}`));
    this.checkCoverageOfReceipts();
    const roots = evidence.roots.map((statement, at) => this.openRoot(statement, at));
    await this.readLists();
    const days = new Map(roots.map(({ says }) => [says.day, says]));
    const receipts = opened.map((one, at) => this.checkReceipt(one, `receipt ${at + 1}`, days));
    this.checkListsUsed();
    const operator = this.checkRoots(roots);
    this.checkPaths(days);
    return {
      letter: evidence.letter,
      entries: evidence.entries.map(({ seq, at, kind, leg }) => ({ seq, at, kind, leg })),
      receipts,
      roots: { first: roots[0]?.says.day ?? '', last: roots.at(-1)?.says.day ?? '', operator },
      completeAtEndOf: evidence.paths.at(-1)?.day ?? '',
      revealed: this.checkRevealed(),
      trusted: this.options.trust !== undefined,
      remarks: this.remarks,
    };
  }

  private checkLetter(): void {
    const { id, sender, reference } = this.evidence.letter;
    // the id is made of both with a slash between: that must not be read at another one in the reference
    if (!isOrganisationNumber(sender)) throw new EvidenceError('letter', 'its sender is no organisation number');
    if (!isUuid(id) || letterIdOf(sender, reference) !== id)
      throw new EvidenceError('letter', 'id does not follow from sender and reference');
  }

  private checkEntries(): void {
    const { letter, entries } = this.evidence;
    if (entries.length === 0) throw new EvidenceError('entry 1', 'missing');
    let previous = chainStart(letter.id);
    for (const [index, entry] of entries.entries()) {
      const where = `entry ${index + 1}`;
      if (entry.seq !== index + 1) throw new EvidenceError(where, `number (it says ${entry.seq})`);
      const { seq, kind, leg, eventId } = entry;
      const at = new Date(entry.at);
      const hash = hashEntry(previous, {
        ...{ letterId: letter.id, seq, at, kind, leg, eventId },
        data: Buffer.from(entry.data),
      });
      if (hash.toString('hex') !== entry.hash) throw new EvidenceError(where, 'hash');
      previous = hash;
    }
  }

  private particulars(seq: number): Readonly<Record<string, unknown>> {
    try {
      const data = JSON.parse(this.evidence.entries[seq - 1]?.data ?? '{}') as { particulars?: unknown } | null;
      return typeof data?.particulars === 'object' && data.particulars !== null
        ? (data.particulars as Record<string, unknown>)
        : {};
    } catch {
      throw new EvidenceError(`entry ${seq}`, 'data');
    }
  }

  /** That it is the receipt its entry speaks of, and authorities in its chain. */
  private openReceipt(receipt: EvidenceReceipt, where: string): OpenedReceipt {
    const { entry: seq, provider, raw } = receipt;
    const entry = this.evidence.entries[seq - 1];
    if (entry === undefined) throw new EvidenceError(where, 'no such entry');
    const { receipt: digest } = this.particulars(seq);
    if (entry.eventId !== receiptEventId(provider, raw) || (digest !== undefined && digest !== receiptDigest(raw)))
      throw new EvidenceError(where, `not the one that entry ${seq} speaks of`);
    const chain = this.chainOf(receipt.certificates, where);
    let verified: VerifiedSbd;
    try {
      verified = verifySbd(raw, { trust: this.anchors });
    } catch (error) {
      throw new EvidenceError(where, reasonOf(error));
    }
    if (!verified.certificate.raw.equals((chain[0] as X509Certificate).raw))
      throw new EvidenceError(where, 'certificate is not the signer’s');
    return { receipt, verified, authorities: chain.slice(1) };
  }

  /** The receipts stand in the order of their entries, one for each. */
  private checkCoverageOfReceipts(): void {
    const { entries, receipts } = this.evidence;
    for (const [index, receipt] of receipts.entries())
      if (receipt.entry <= (receipts[index - 1]?.entry ?? 0)) throw new EvidenceError(`receipt ${index + 1}`, 'order');
    const there = new Set(receipts.map(({ entry }) => entry));
    for (const { seq, kind } of entries)
      if ((isReceiptKind(kind) || kind === NOTICE_FAILED) && !there.has(seq))
        throw new EvidenceError(`entry ${seq}`, 'its receipt is missing');
  }

  private checkReceipt(
    { receipt, verified, authorities }: OpenedReceipt,
    where: string,
    days: ReadonlyMap<string, DayRoot>,
  ): VerifiedReceipt {
    const { entry: seq } = receipt;
    const entry = this.evidence.entries[seq - 1] as Evidence['entries'][number];
    const { sbd, type, organisation, chain } = verified;
    const { standardBusinessDocumentHeader: header, [type]: body } = sbd.standardBusinessDocument;
    const signedAt = new Date(header.documentIdentification.creationDateAndTime);
    const conversations = header.businessScope.scope.filter((scope) => scope.type === 'ConversationId');
    const conversation = conversations[0]?.instanceIdentifier?.toLowerCase();
    const kind = type === 'varslingfeiletkvittering' ? NOTICE_FAILED : type;
    if (kind !== entry.kind) throw new EvidenceError(where, `its kind is not that of entry ${seq}`);
    if (
      conversations.length !== 1 ||
      entry.leg === null ||
      conversation !== conversationIdOf(this.evidence.letter.id, entry.leg)
    )
      throw new EvidenceError(where, `it is not about the leg of entry ${seq}`);
    if (new Date(String(body?.['tidspunkt'])).getTime() !== Date.parse(entry.at))
      throw new EvidenceError(where, `its time is not that of entry ${seq}`);
    const routed = this.evidence.entries.find((one) => one.kind === 'routed' && one.leg === entry.leg);
    const expected = routed === undefined ? undefined : this.particulars(routed.seq)['organisation'];
    if (expected !== undefined && expected !== organisation)
      throw new EvidenceError(where, 'signer is not the provider of the leg');
    if (expected === undefined)
      this.remarks.push(
        `${where}: the history does not say whose receipts count for leg ${entry.leg}, so any signer would do`,
      );
    this.checkSigningTime(signedAt, entry, where, days);
    this.checkRevocation(chain, signedAt, where, receipt.revocationLists, authorities);
    return { entry: seq, kind: type, signedAt: signedAt.toISOString(), signer: organisation };
  }

  /**
   * Certificate and revocation are judged at the time that the receipt states, so that is bounded: nobody signs for a package that is not yet made, or what
   * was written down before. Which of our hosts had its clock wrong nobody can tell afterwards: only before all they have of the leg is too early.
   */
  private checkSigningTime(
    signedAt: Date,
    { seq, leg }: Evidence['entries'][number],
    where: string,
    days: ReadonlyMap<string, DayRoot>,
  ): void {
    const ours = this.evidence.entries.filter((one) => one.leg === leg && UNTIL_HANDED_OVER.has(one.kind));
    const latest = signedAt.getTime() + CLOCK_SKEW_MS;
    if (ours.length > 0 && ours.every(({ at }) => latest < Date.parse(at)))
      throw new EvidenceError(where, 'signed before its letter was on its way');
    const made = ours.find(({ kind, at }) => UNTIL_SEALED.has(kind) && latest < Date.parse(at));
    if (made !== undefined)
      this.remarks.push(`${where}: signed before entry ${made.seq} (${made.kind}), by one clock or the other`);
    const holding = this.evidence.paths.find((path) => path.seq >= seq);
    const closedAt = holding === undefined ? undefined : days.get(holding.day)?.closedAt;
    if (closedAt !== undefined && signedAt.getTime() - CLOCK_SKEW_MS > Date.parse(closedAt))
      throw new EvidenceError(where, `signed after the day was closed whose root holds entry ${seq}`);
  }

  private checkRevocation(
    chain: readonly X509Certificate[],
    at: Date,
    where: string,
    named: readonly string[] | undefined,
    authorities: readonly X509Certificate[],
  ): void {
    const byHash = new Map(this.evidence.revocationLists.map((list) => [sha256(bytesOf(list)), list]));
    for (const [index, hash] of (named ?? []).entries()) {
      if (hash <= (named?.[index - 1] ?? '')) throw new EvidenceError(where, 'order of its revocation lists');
      if (!byHash.has(hash)) throw new EvidenceError(where, 'a revocation list of it is missing');
      this.used.add(hash);
    }
    const since = this.revocations.revokedAt(chain);
    if (since !== undefined && since <= at)
      throw new EvidenceError(where, `signer revoked since ${since.toISOString()}`);
    if (named === undefined) return;
    const mine = this.lists.filter(({ issuer }) => authorities.some((one) => one.raw.equals(issuer.raw)));
    if (mine.map(({ der }) => sha256(der)).join() !== named.join())
      throw new EvidenceError(where, 'a revocation list about its signer is not named');
    if (mine.length === 0) this.remarks.push(`${where}: no revocation list about its signer`);
    else if (mine.every(({ thisUpdate }) => thisUpdate < at))
      this.remarks.push(`${where}: the revocation lists about its signer are older than it`);
  }

  private async readLists(): Promise<void> {
    const lists: RevocationList[] = [];
    let before = '';
    for (const [index, encoded] of this.evidence.revocationLists.entries()) {
      const where = `revocation list ${index + 1}`;
      const hash = sha256(bytesOf(encoded));
      if (hash <= before) throw new EvidenceError(where, 'order');
      before = hash;
      try {
        lists.push(await readRevocationList(bytesOf(encoded), this.anchors));
      } catch (error) {
        throw new EvidenceError(where, error instanceof RevocationListError ? error.problem : 'malformed');
      }
    }
    this.lists = lists;
    this.revocations = new Revocations(lists);
  }

  private checkListsUsed(): void {
    for (const [index, list] of this.evidence.revocationLists.entries())
      if (!this.used.has(sha256(bytesOf(list))))
        throw new EvidenceError(`revocation list ${index + 1}`, 'belongs to no receipt');
  }

  private openRoot(statement: string, index: number): { says: DayRoot; chain: readonly X509Certificate[] } {
    const where = `root ${index + 1}`;
    let opened: ReturnType<typeof openDayRoot>;
    try {
      opened = openDayRoot(statement);
    } catch (error) {
      throw new EvidenceError(where, reasonOf(error));
    }
    if (opened === undefined) throw new EvidenceError(where, 'payload');
    const { says } = opened;
    const named = `root ${says.day}`;
    const [leaf] = this.chainOf(opened.x5c, named);
    try {
      const chain = verifyChain(leaf as X509Certificate, this.anchors, this.anchors, new Date(says.closedAt));
      return { says, chain };
    } catch (error) {
      throw new EvidenceError(named, reasonOf(error));
    }
  }

  /** One after the other, each upon the one before, all of one operator. */
  private checkRoots(roots: readonly { says: DayRoot; chain: readonly X509Certificate[] }[]): string {
    const { evidence, options } = this;
    let operator = options.operator;
    for (const [index, { says, chain }] of roots.entries()) {
      const where = `root ${says.day}`;
      const before = roots[index - 1]?.says;
      if (before !== undefined && says.day !== dayAfter(before.day))
        throw new EvidenceError(where, `does not follow ${before.day}`);
      if (before !== undefined && says.previous !== statementHash(evidence.roots[index - 1] as string))
        throw new EvidenceError(where, 'is not built upon the day before');
      const signer = organisationNumberOf(chain[0] as X509Certificate);
      if (signer === undefined) throw new EvidenceError(where, 'signer has no organisation number');
      operator ??= signer;
      if (signer !== operator) throw new EvidenceError(where, `signed by ${signer}, not by ${operator}`);
      this.checkRevocation(chain, new Date(says.closedAt), where, undefined, []);
      if (says.replaces === undefined) continue;
      if (says.replaces === options.kept) throw new EvidenceError(where, 'replaces the one that was kept');
      this.remarks.push(`${where}: replaces one that was given out before, ${says.replaces}`);
    }
    const last = roots.at(-1)?.says.day ?? null;
    if (last !== evidence.through) throw new EvidenceError('through', `the last root is of ${last ?? 'no day'}`);
    if (options.kept !== undefined && !evidence.roots.some((one) => statementHash(one) === options.kept))
      throw new EvidenceError('roots', 'the one that was kept is not among them');
    return operator ?? '';
  }

  private checkPaths(roots: ReadonlyMap<string, DayRoot>): void {
    const { paths, entries, letter } = this.evidence;
    let [day, covered] = ['', 0];
    for (const path of paths) {
      const where = `path ${path.day}`;
      if (path.day <= day) throw new EvidenceError(where, 'order');
      day = path.day;
      const root = roots.get(path.day);
      if (root === undefined) throw new EvidenceError(where, 'no root of that day');
      const entry = entries[path.seq - 1];
      if (entry === undefined) throw new EvidenceError(where, `no entry ${path.seq}`);
      const leaf = hashLeaf({ letterId: letter.id, seq: path.seq, head: Buffer.from(entry.hash, 'hex') });
      const steps = path.steps.map(({ sibling, node }) => ({ sibling: bytes(sibling), node: bytes(node) }));
      const top = climb(leaf, path.index, root.size, steps);
      if ('level' in top) throw new EvidenceError(where, `level ${top.level}`);
      if (top.toString('hex') !== root.root) throw new EvidenceError(where, 'does not end at the root');
      covered = Math.max(covered, path.seq);
    }
    const [first] = paths;
    const [root] = roots.keys();
    if (root !== undefined && root !== first?.day)
      throw new EvidenceError(`root ${root}`, 'no path leads to the first');
    if (covered < entries.length)
      throw new EvidenceError(`entry ${covered + 1}`, 'no root holds it: its day is not closed yet, or it was cut off');
  }

  private checkRevealed(): { field: string; value: string }[] {
    const accepted = this.evidence.entries.find(({ kind }) => kind === 'accepted');
    const said = accepted === undefined ? {} : this.particulars(accepted.seq);
    let before = '';
    return this.evidence.revealed.map(({ field, salt, value }, index) => {
      // what is no field's name is not repeated
      const where = `revealed ${isCommittedField(field) ? field : index + 1}`;
      if (!isCommittedField(field) || field <= before) throw new EvidenceError(where, 'field');
      before = field;
      const commitment = said[commitmentName(field)];
      if (!isHash(commitment)) throw new EvidenceError(where, 'the history has no commitment to it');
      if (commit(bytes(salt), value).toString('hex') !== commitment)
        throw new EvidenceError(where, 'not what was committed to');
      return { field, value };
    });
  }

  /**
   * A chain in the file: each signed by the next, and the last by one that is trusted, or trusted itself. Its authorities may then stand in other chains.
   * Without trust the last vouches for itself.
   */
  private chainOf(encoded: readonly string[], where: string): X509Certificate[] {
    const chain = encoded.map((one, index) => {
      try {
        return certificateFromBase64(one, 'certificate');
      } catch {
        throw new EvidenceError(where, `certificate ${index + 1} cannot be read`);
      }
    });
    const last = chain.at(-1);
    if (last === undefined) throw new EvidenceError(where, 'no certificate');
    for (const [index, certificate] of chain.entries()) {
      const issuer = chain[index + 1];
      if (issuer !== undefined && !issued(issuer, certificate))
        throw new EvidenceError(where, `certificate ${index + 2} did not issue certificate ${index + 1}`);
    }
    if (this.options.trust === undefined) this.vouchForItself(last, where, chain.length);
    else if (!this.isKnown(last) && !this.anchors.some((anchor) => issued(anchor, last)))
      throw new EvidenceError(where, 'certificate-untrusted');
    for (const authority of chain.slice(1)) if (authority.ca && !this.isKnown(authority)) this.anchors.push(authority);
    return chain;
  }

  private vouchForItself(last: X509Certificate, where: string, length: number): void {
    const self = last.checkIssued(last);
    if (self && !last.verify(last.publicKey)) throw new EvidenceError(where, `certificate ${length} is altered`);
    if (!this.isKnown(last)) this.anchors.push(last);
  }

  private isKnown(certificate: X509Certificate): boolean {
    return this.anchors.some((anchor) => anchor.raw.equals(certificate.raw));
  }
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const reasonOf = (error: unknown): string => (error instanceof PackageError ? error.reason : 'malformed');
