import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Address } from '../address.js';
import type { Counts } from '../admin/counts.js';
import { bearerOf } from '../bearer.js';
import type { Tokens } from '../maskinporten/tokens.js';
import type { Person, PersonAddress } from '../people/person.js';
import type { People } from '../people/people.js';
import { Problem } from '../problems.js';

export interface FolkeregisteretParts {
  readonly address: Address;
  readonly tokens: Tokens;
  readonly people: People;
  readonly counts: Counts;
}

const SCOPE = 'folkeregister:deling/offentligmedhjemmel';
const PATH = '/folkeregisteret/offentlig-med-hjemmel/api/v1/personer/bulkoppslag';
const request = z.object({
  foedselsEllerDNummer: z
    .array(z.string().regex(/^\d{11}$/))
    .min(1)
    .max(1_000),
});

/**
 * Folkeregisteret, rights package offentlig-med-hjemmel: the bulk look-up of the published interface, with the parts `navn`, `status`,
 * `adressebeskyttelse`, `postadresse`, `postadresseIUtlandet`. An unknown id comes back without `folkeregisterperson`; a protected one without
 * address. Country codes are ISO 3166-1 alpha-2 here. Errors are `{kode, melding}` as published.
 */
export function folkeregisteret(app: FastifyInstance, { address, tokens, people, counts }: FolkeregisteretParts): void {
  app.post(PATH, { config: { system: 'folkeregisteret' } }, async (http, reply) => {
    try {
      await bearerOf(http, tokens, address.url, [SCOPE]);
      const body = request.safeParse(http.body);
      if (!body.success) throw new Problem('invalid-request', 'foedselsEllerDNummer: 1 to 1000 ids of 11 digits');
      const ids = [...new Set(body.data.foedselsEllerDNummer)];
      counts.folkeregisteret.calls++;
      counts.folkeregisteret.persons += ids.length;
      return { oppslag: ids.map((id) => answer(id, people.find(id))) };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return reply.code(error.status).send({ kode: `FREG-${error.status}`, melding: error.detail ?? error.problem });
    }
  });
}

function answer(id: string, person: Person | undefined): Record<string, unknown> {
  if (person === undefined) return { foedselsEllerDNummer: id };
  const { status, protection, address } = person.population;
  return {
    foedselsEllerDNummer: id,
    folkeregisterperson: {
      identifikasjonsnummer: [{ erGjeldende: true, status: 'iBruk', foedselsEllerDNummer: id }],
      status: [{ erGjeldende: true, status }],
      navn: [{ erGjeldende: true, fornavn: person.firstName, etternavn: person.lastName }],
      ...(protection === undefined ? {} : { adressebeskyttelse: [{ erGjeldende: true, graderingsnivaa: protection }] }),
      ...(address === undefined || protection !== undefined ? {} : addressOf(address)),
    },
  };
}

function addressOf({ lines, postalCode, city, countryCode }: PersonAddress): Record<string, unknown> {
  const valid = { erGjeldende: true, adressegradering: 'ugradert' };
  if (countryCode === undefined)
    return {
      postadresse: [
        { ...valid, postadresseIFrittFormat: { adresselinje: lines, postnummer: postalCode, poststed: city } },
      ],
    };
  return {
    postadresseIUtlandet: [
      {
        ...valid,
        utenlandskAdresseIFrittFormat: {
          adresselinje: lines,
          postkode: postalCode,
          byEllerStedsnavn: city,
          landkode: countryCode,
        },
      },
    ],
  };
}
