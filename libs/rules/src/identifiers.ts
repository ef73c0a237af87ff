import { idnr } from '@navikt/fnrvalidator';

/** `test` accepts synthetic identifiers (Tenor: month + 80, NAV: month + 40); `production` refuses them. */
export type Environment = 'test' | 'production';

export type IdentifierProblem = 'not-a-national-id' | 'synthetic-national-id';

/** A national identity number or D-number with right check digits (both rules, also the one from 2032) and a real date. */
export function nationalIdProblem(text: string, environment: Environment): IdentifierProblem | undefined {
  if (!/^\d{11}$/.test(text)) return 'not-a-national-id';
  const result = idnr(text);
  if (result.status === 'invalid') return 'not-a-national-id';
  const real = result.type === 'fnr' || result.type === 'dnr';
  return real || environment === 'test' ? undefined : 'synthetic-national-id';
}

const ORGANISATION_WEIGHTS = [3, 2, 7, 6, 5, 4, 3, 2] as const;

/** Nine digits, modulus 11. First digits are not checked: test units begin with 3, and 8 and 9 will run out. */
export function isOrganisationNumber(text: string): boolean {
  // nine zeros pass the check digit
  if (!/^\d{9}$/.test(text) || text === '000000000') return false;
  const sum = ORGANISATION_WEIGHTS.reduce(
    (total, weight, index) => total + weight * Number(text[index]),
    Number(text[8]),
  );
  return sum % 11 === 0;
}

/** ISO 6523: `0192:<organisation number>`; also accepts the bare number. Undefined when it is neither. */
export function organisationOf(participant: string): string | undefined {
  const number = /^(?:0192:)?(\d{9})$/.exec(participant)?.[1];
  return number !== undefined && isOrganisationNumber(number) ? number : undefined;
}

export const participantOf = (organisation: string): string => `0192:${organisation}`;
