import type { MaskinportenTokens } from '@postgang/maskinporten';
import type { HttpClient, TransientError } from '@postgang/outside';
import { addressLines, type AddressAnswer, type PostalAddress } from '@postgang/rules';
import { z } from 'zod';
import { ask, type Asked, type Errand, type RegisterDenied } from './asking.js';
import { Doubt } from './doubt.js';
import { lookUp } from './look-up.js';
import { readPersons, type Answers } from './persons.js';

/** Its name as a dependency. */
export const PAPER_REGISTER = 'folkeregisteret';
const SCOPE = 'folkeregister:deling/offentligmedhjemmel';
const PATH = '/folkeregisteret/offentlig-med-hjemmel/api/v1/personer/bulkoppslag';
const MOST_PER_ANSWER = 1_000;

const current = { erGjeldende: z.boolean().optional() };
const lines = z.array(z.string().max(200)).max(10);
const found = z.object({
  foedselsEllerDNummer: z.string(),
  folkeregisterperson: z
    .object({
      status: z.array(z.object({ ...current, status: z.string() })).default([]),
      navn: z
        .array(
          z.object({
            ...current,
            fornavn: z.string().max(200),
            mellomnavn: z.string().max(200).optional(),
            etternavn: z.string().max(200),
          }),
        )
        .default([]),
      adressebeskyttelse: z.array(z.object({ ...current, graderingsnivaa: z.string() })).default([]),
      postadresse: z
        .array(
          z.object({
            ...current,
            postadresseIFrittFormat: z
              .object({ adresselinje: lines, postnummer: z.string(), poststed: z.string().max(80) })
              .optional(),
          }),
        )
        .default([]),
      postadresseIUtlandet: z
        .array(
          z.object({
            ...current,
            utenlandskAdresseIFrittFormat: z
              .object({
                adresselinje: lines,
                postkode: z.string().max(40).optional(),
                byEllerStedsnavn: z.string().max(100).optional(),
                landkode: z.string().length(2),
              })
              .optional(),
          }),
        )
        .default([]),
    })
    .optional(),
});
type Found = z.infer<typeof found>;
type Person = NonNullable<Found['folkeregisterperson']>;
const answer = z.object({ oppslag: z.array(z.unknown()).max(MOST_PER_ANSWER) });

/** Folkeregisteret: name and postal address, asked for only when a letter must go on paper. Fails closed. */
export class PopulationRegister {
  private readonly doubt = new Doubt(PAPER_REGISTER);

  constructor(
    private readonly http: HttpClient,
    private readonly tokens: MaskinportenTokens,
  ) {}

  /**
   * One answer per question, in order; RegisterDenied for all of an agency, a TransientError when the register has no usable answer for that person alone. Throws
   * DependencyDown('folkeregisteret') when the register cannot be asked.
   */
  addresses(asked: readonly Asked[]): Promise<(AddressAnswer | RegisterDenied | TransientError)[]> {
    const ask = (sender: string, ids: readonly string[]): Promise<Answers<Found>> => this.ask(sender, ids);
    const answerOf = ({ folkeregisterperson }: Found): AddressAnswer => addressAnswer(folkeregisterperson);
    return lookUp(asked, { name: PAPER_REGISTER, doubt: this.doubt, ask, answerOf });
  }

  private async ask(sender: string, ids: readonly string[]): Promise<Answers<Found>> {
    const errand: Errand = { http: this.http, tokens: this.tokens, name: PAPER_REGISTER, sender, scopes: [SCOPE] };
    const { oppslag } = await ask(errand, PATH, { foedselsEllerDNummer: ids }, answer);
    return readPersons(PAPER_REGISTER, ids, oppslag, (entry) => entry['foedselsEllerDNummer'], found);
  }
}

interface Entry {
  readonly erGjeldende?: boolean | undefined;
}
const isInForce = ({ erGjeldende }: Entry): boolean => erGjeldende !== false;
const valid = <T extends Entry>(list: readonly T[]): T | undefined => list.find(isInForce);
/** As `valid`, of all that are in force: an entry that stops the letter counts wherever it stands. */
const anyValid = <T extends Entry>(list: readonly T[], stops: (entry: T) => boolean): boolean =>
  list.some((entry) => isInForce(entry) && stops(entry));

function addressAnswer(person: Person | undefined): AddressAnswer {
  if (person === undefined) return { kind: 'unknown' };
  if (anyValid(person.status, ({ status }) => status === 'doed')) return { kind: 'deceased' };
  if (anyValid(person.adressebeskyttelse, ({ graderingsnivaa }) => graderingsnivaa !== 'ugradert'))
    return { kind: 'protected' };
  const name = valid(person.navn);
  const address =
    name === undefined
      ? undefined
      : postalAddress(person, [name.fornavn, name.mellomnavn, name.etternavn].filter(Boolean).join(' '));
  return address === undefined ? { kind: 'unknown' } : { kind: 'known', address };
}

/** Undefined when there is none that fits on an envelope: one that lacks a line may bring the letter to somebody else. */
function postalAddress(person: Person, name: string): PostalAddress | undefined {
  return [norwegianAddress(person, name), addressAbroad(person, name)].find(
    (address) => address !== undefined && addressLines(address) !== undefined,
  );
}

function norwegianAddress(person: Person, name: string): PostalAddress | undefined {
  const found = valid(person.postadresse)?.postadresseIFrittFormat;
  if (found === undefined) return undefined;
  return { name, lines: found.adresselinje, postalCode: found.postnummer, city: found.poststed };
}

function addressAbroad(person: Person, name: string): PostalAddress | undefined {
  const found = valid(person.postadresseIUtlandet)?.utenlandskAdresseIFrittFormat;
  if (found === undefined) return undefined;
  return {
    name,
    lines: found.adresselinje,
    countryCode: found.landkode,
    ...(found.postkode === undefined ? {} : { postalCode: found.postkode }),
    ...(found.byEllerStedsnavn === undefined ? {} : { city: found.byEllerStedsnavn }),
  };
}
