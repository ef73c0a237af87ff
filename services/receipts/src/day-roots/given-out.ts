import type { X509Certificate } from 'node:crypto';
import {
  certificateFromBase64,
  organisationNumberOf,
  verifyChain,
  type SigningIdentity,
} from '@postgang/document-package';
import { openDayRoot, statementHash, type DayRoot } from '@postgang/evidence';
import type { PublishedRoot } from './published-roots.js';

/** Who signs the days' roots, and the authorities whose word counts about earlier signers, beside those of the signer's own chain. */
export interface Whose {
  readonly signer: SigningIdentity;
  readonly trust: readonly X509Certificate[];
}

export interface GivenOut extends PublishedRoot {
  readonly says: DayRoot;
}

/**
 * What the operator said about the day, each statement once, in the order in which they were first given out; and what lies there and is not the
 * operator's word about it. Whoever may write to the topic could write anything.
 */
export function givenOut(
  day: string,
  published: readonly PublishedRoot[],
  whose: Whose,
): { readonly ours: readonly GivenOut[]; readonly doubtful: readonly PublishedRoot[] } {
  const ours: GivenOut[] = [];
  const doubtful: PublishedRoot[] = [];
  for (const root of onceEach(day, published)) {
    const says = openedIfOurs(root, whose);
    if (says === undefined) doubtful.push(root);
    else ours.push({ ...root, says });
  }
  return { ours, doubtful };
}

/**
 * What would stand against a stored root if the operator said it: what was first given out after it, or, of one that has not been given out, all that was.
 * `replaces`: which of these it may have been made to replace.
 */
export function against(
  { day, statement }: { readonly day: string; readonly statement: string },
  published: readonly PublishedRoot[],
): { readonly later: readonly PublishedRoot[]; readonly replaces: string | undefined } {
  const all = onceEach(day, published);
  const hash = statementHash(statement);
  const at = all.findIndex((root) => root.hash === hash);
  return { later: all.slice(at + 1), replaces: at < 0 ? openDayRoot(statement)?.says.replaces : undefined };
}

function onceEach(day: string, published: readonly PublishedRoot[]): PublishedRoot[] {
  const once = new Map<string, PublishedRoot>();
  for (const root of published) if (root.day === day && !once.has(root.hash)) once.set(root.hash, root);
  return [...once.values()];
}

/** The number alone would be anybody's who makes a certificate for himself: its chain must lead to an authority. */
function openedIfOurs({ day, statement }: PublishedRoot, { signer, trust }: Whose): DayRoot | undefined {
  const [own, ...authorities] = signer.certificates;
  try {
    const opened = openDayRoot(statement);
    if (own === undefined || opened?.says.day !== day) return undefined;
    const { says, certificate, x5c } = opened;
    if (organisationNumberOf(certificate) !== organisationNumberOf(own)) return undefined;
    if (certificate.raw.equals(own.raw)) return says;
    const between = x5c.slice(1).map((one) => certificateFromBase64(one, 'x5c'));
    verifyChain(certificate, between, [...trust, ...authorities], new Date(says.closedAt));
    return says;
  } catch {
    // what cannot be opened was not said by the operator
    return undefined;
  }
}
