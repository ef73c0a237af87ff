import { DependencyDown, type KeyRing } from '@postgang/outside';
import { encode, type Letter, type LetterRouted } from '@postgang/pipeline';
import { findWays, type Registers } from '@postgang/registers';
import {
  kindOf,
  REFUSALS,
  type PaperRule,
  type PostalAddress,
  type RefusalReason,
  type RegisterEntry,
} from '@postgang/rules';
import type { Route } from './db/routes.js';

const LEG = 1;

/**
 * Decides a batch. One result per letter: a route to store, or the error of that letter alone. Throws DependencyDown when a register is away.
 * The national ids live no longer than this call.
 */
export async function decide(
  letters: readonly Letter[],
  registers: Registers,
  keys: KeyRing,
  now: Date,
): Promise<(Route | Error)[]> {
  const reaching = letters.map((letter) => {
    const kind = kindOf(letter.kind);
    if (kind === undefined) throw new Error('unknown legal kind');
    return {
      nationalId: keys.open('internal', letter.letterId, 'recipient', letter.recipient),
      sender: letter.sender,
      kind,
      hasPrintOptions: letter.print !== null,
      onlyPdf: letter.documents.every(({ mediaType }) => mediaType === 'application/pdf'),
    };
  });
  const ways = await findWays(reaching, registers, now);
  return Promise.all(
    letters.map(async (letter, index): Promise<Route | Error> => {
      const way = ways[index] as (typeof ways)[number];
      if (way instanceof Error) return way;
      const { decision, entry } = way;
      if ('refuse' in decision) return refusal(letter, decision.rule, decision.refuse, now);
      return decision.channel === 'print'
        ? printRoute(letter, decision.rule, decision.address, registers, keys, now).catch(unlessDown)
        : digitalRoute(letter, entry, decision, keys, now);
    }),
  );
}

/** One agency without access to the print certificate holds up nobody else's letters. */
function unlessDown(error: unknown): Error {
  if (error instanceof DependencyDown || !(error instanceof Error)) throw error;
  return error;
}

const route = (letter: Letter, rule: string, event: LetterRouted): Route => ({
  letterId: letter.letterId,
  leg: LEG,
  routed: true,
  rule,
  event: encode('letter.routed.v1', event),
});

function digitalRoute(
  letter: Letter,
  entry: RegisterEntry,
  choice: { provider: string; rule: string; noticeEmail?: string; noticeMobile?: string },
  keys: KeyRing,
  now: Date,
): Route {
  const seal = (field: string, value: string): Buffer => keys.seal('internal', letter.letterId, field, value);
  const mailbox = entry.mailbox as NonNullable<RegisterEntry['mailbox']>;
  return route(letter, choice.rule, {
    letter,
    leg: LEG,
    channel: 'DIGITAL_MAILBOX',
    provider: choice.provider,
    providerOrganisation: mailbox.providerOrganisation,
    rule: choice.rule,
    certificate: Buffer.from(entry.certificate as Uint8Array),
    mailbox: {
      address: seal('mailbox.address', mailbox.address),
      email: choice.noticeEmail === undefined ? null : seal('mailbox.email', choice.noticeEmail),
      mobile: choice.noticeMobile === undefined ? null : seal('mailbox.mobile', choice.noticeMobile),
    },
    postalAddress: null,
    routedAt: now.getTime(),
  });
}

async function printRoute(
  letter: Letter,
  rule: PaperRule,
  address: PostalAddress,
  registers: Registers,
  keys: KeyRing,
  now: Date,
): Promise<Route> {
  const print = await registers.contacts.printCertificateFor(letter.sender);
  return route(letter, rule, {
    letter,
    leg: LEG,
    channel: 'PRINT',
    provider: 'print',
    providerOrganisation: print.organisation,
    rule,
    certificate: print.certificate,
    mailbox: null,
    postalAddress: keys.seal('internal', letter.letterId, 'postalAddress', JSON.stringify(address)),
    routedAt: now.getTime(),
  });
}

/** The event tells the reason only: with the rule beside it one could tell a protected address from an unknown one. */
function refusal(letter: Letter, rule: PaperRule, reason: RefusalReason, now: Date): Route {
  const event = encode('letter.refused.v1', {
    about: 'LETTER',
    letterId: letter.letterId,
    sender: letter.sender,
    reference: letter.reference,
    leg: null,
    reason,
    detail: REFUSALS[reason],
    pointer: null,
    stage: 'register-lookup',
    refusedAt: now.getTime(),
  });
  return { letterId: letter.letterId, leg: LEG, routed: false, rule, event };
}
