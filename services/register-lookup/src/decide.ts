import type { KeyRing } from '@postgang/outside';
import { encode, type Letter, type LetterRouted } from '@postgang/pipeline';
import type { ContactRegister, PopulationRegister } from '@postgang/registers';
import {
  chooseChannel,
  decidePaper,
  kindOf,
  REFUSALS,
  type LegalKind,
  type PaperRule,
  type PostalAddress,
  type RefusalReason,
  type RegisterEntry,
} from '@postgang/rules';
import type { Route } from './db/routes.js';

export interface Registers {
  readonly contacts: ContactRegister;
  readonly population: PopulationRegister;
}

/** What is known of a letter when it comes to routing; the national id lives no longer than this. */
interface Opened {
  readonly letter: Letter;
  readonly kind: LegalKind;
  readonly nationalId: string;
}

const LEG = 1;

/**
 * Decides a batch: one call per agency to the contact register for all, then the postal address for those that must go on paper only.
 * One result per letter: a route to store, or the error of that letter alone. Throws DependencyDown when a register is away.
 */
export async function decide(
  letters: readonly Letter[],
  registers: Registers,
  keys: KeyRing,
  now: Date,
): Promise<(Route | Error)[]> {
  const opened = letters.map((letter): Opened => {
    const kind = kindOf(letter.kind);
    if (kind === undefined) throw new Error('unknown legal kind');
    return { letter, kind, nationalId: keys.open('internal', letter.letterId, 'recipient', letter.recipient) };
  });
  const asked = opened.map(({ nationalId, letter }) => ({ nationalId, sender: letter.sender }));
  const entries = await registers.contacts.lookup(asked);
  const results = new Array<Route | Error>(letters.length);
  const paper: { index: number; rule: PaperRule }[] = [];
  opened.forEach(({ letter, kind }, index) => {
    const entry = entries[index] as RegisterEntry | Error;
    if (entry instanceof Error) {
      results[index] = entry;
      return;
    }
    const choice = chooseChannel(kind, entry, now);
    if ('paper' in choice) paper.push({ index, rule: choice.paper });
    else results[index] = digitalRoute(letter, entry, choice.digital, keys, now);
  });
  const addresses =
    paper.length === 0
      ? []
      : await registers.population.addresses(paper.map(({ index }) => asked[index] as (typeof asked)[number]));
  for (const [at, { index, rule }] of paper.entries()) {
    const { letter, kind } = opened[index] as Opened;
    const answer = addresses[at];
    if (answer === undefined || answer instanceof Error) {
      results[index] = answer ?? new Error('no answer');
      continue;
    }
    const onlyPdf = letter.documents.every(({ mediaType }) => mediaType === 'application/pdf');
    const decision = decidePaper({ kind, hasPrintOptions: letter.print !== null, onlyPdf }, rule, answer);
    results[index] =
      'refuse' in decision
        ? refusal(letter, rule, decision.refuse, now)
        : await printRoute(letter, rule, decision.address, registers, keys, now);
  }
  return results;
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
