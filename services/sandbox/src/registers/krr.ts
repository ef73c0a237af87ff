import type { Clock } from '@postgang/outside';
import { freshForNotice } from '@postgang/rules';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Address } from '../address.js';
import type { Counts } from '../admin/counts.js';
import { bearerOf } from '../bearer.js';
import type { Certificates } from '../certificates.js';
import type { Tokens } from '../maskinporten/tokens.js';
import { DIGIPOST, PRINT_SHOP, type DatedContact, type Person } from '../people/person.js';
import type { People } from '../people/people.js';
import { Problem } from '../problems.js';
import { Ages } from './dates.js';

export interface KrrParts {
  readonly address: Address;
  readonly tokens: Tokens;
  readonly people: People;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly counts: Counts;
}

const CONTACT = 'krr:global/kontaktinformasjon.read';
const MAILBOX = 'krr:global/digitalpost.read';
const request = z.object({
  personidentifikatorer: z
    .array(z.string().regex(/^\d{11}$/))
    .min(1)
    .max(1_000),
});

/** Kontakt- og reservasjonsregisteret, Oppslagstjenesten REST v2. The token's scopes decide which parts of a person are answered. */
export function krr(app: FastifyInstance, { address, tokens, people, certificates, clock, counts }: KrrParts): void {
  const config = { system: 'krr' } as const;
  const pem = new Map(
    [...certificates.providers].map(
      ([
        organisation,
        {
          certificates: [leaf],
        },
      ]) => [organisation, String(leaf)],
    ),
  );
  const ages = new Ages();

  app.post('/rest/v2/personer', { config }, async (http) => {
    const { claims } = await bearerOf(http, tokens, address.url, []);
    const scopes = claims.scope.split(' ');
    const parts = { contact: scopes.includes(CONTACT), mailbox: scopes.includes(MAILBOX) };
    if (!parts.contact && !parts.mailbox) throw new Problem('scope-missing', `${CONTACT} or ${MAILBOX}`);
    const body = request.safeParse(http.body);
    if (!body.success) throw new Problem('invalid-request', 'personidentifikatorer: 1 to 1000 ids of 11 digits');
    const ids = [...new Set(body.data.personidentifikatorer)];
    counts.krr.calls++;
    counts.krr.persons += ids.length;
    const now = clock.now();
    return { personer: ids.map((id) => answer(id, people.find(id), parts, now)) };
  });

  app.get('/rest/v2/printSertifikat', { config }, async (http) => {
    await bearerOf(http, tokens, address.url, [MAILBOX]);
    return { postkasseleverandoerAdresse: PRINT_SHOP, x509Sertifikat: pem.get(PRINT_SHOP) };
  });

  function answer(
    id: string,
    person: Person | undefined,
    parts: { readonly contact: boolean; readonly mailbox: boolean },
    now: Date,
  ): Record<string, unknown> {
    const entry = person?.contact;
    if (entry === undefined || entry.status !== 'AKTIV')
      return {
        personidentifikator: id,
        reservasjon: 'NEI',
        status: entry?.status ?? 'IKKE_REGISTRERT',
        ...(parts.contact ? { varslingsstatus: 'KAN_IKKE_VARSLES' } : {}),
      };
    const fresh = [entry.email, entry.mobile].some((contact) => isFresh(contact, now));
    // the register leaves out everything when nothing was confirmed for 18 months, though the person is active and not reserved
    const filtered = parts.contact && !fresh;
    return {
      personidentifikator: id,
      reservasjon: entry.reserved ? 'JA' : 'NEI',
      ...(entry.reserved
        ? { reservasjonstidspunkt: ages.textOf(400, now), reservasjon_oppdatert: ages.textOf(400, now) }
        : {}),
      status: entry.status,
      ...(parts.contact ? { varslingsstatus: fresh && !entry.reserved ? 'KAN_VARSLES' : 'KAN_IKKE_VARSLES' } : {}),
      ...(parts.contact && !filtered ? { kontaktinformasjon: contactOf(entry.email, entry.mobile, now) } : {}),
      ...(parts.mailbox && !filtered && entry.mailbox !== undefined
        ? {
            digital_post: {
              postkasseadresse: entry.mailbox.address,
              postkasseleverandoeradresse: entry.mailbox.provider,
            },
            // the register has a certificate for a provider that nobody else knows, too; which one does not matter
            ...(entry.certificate ? { sertifikat: pem.get(entry.mailbox.provider) ?? pem.get(DIGIPOST) } : {}),
          }
        : {}),
      ...(parts.contact ? { spraak: entry.language, spraak_oppdatert: ages.textOf(500, now) } : {}),
    };
  }

  function contactOf(
    email: DatedContact | undefined,
    mobile: DatedContact | undefined,
    now: Date,
  ): Record<string, string> {
    const part = (name: string, contact: DatedContact | undefined): Record<string, string> =>
      contact === undefined
        ? {}
        : {
            [name]: contact.value,
            [`${name}_oppdatert`]: ages.textOf(contact.ageDays + 200, now),
            [`${name}_sist_verifisert`]: ages.textOf(contact.ageDays, now),
          };
    return { ...part('epostadresse', email), ...part('mobiltelefonnummer', mobile) };
  }
}

const DAY_MS = 86_400_000;

function isFresh(contact: DatedContact | undefined, now: Date): boolean {
  if (contact === undefined) return false;
  return freshForNotice({ value: contact.value, verifiedAt: new Date(now.getTime() - contact.ageDays * DAY_MS) }, now);
}
