import { describe, expect, it } from '@jest/globals';
import type { MaskinportenTokens } from '@postgang/maskinporten';
import type { HttpClient } from '@postgang/outside';
import { addressLines, type AddressAnswer } from '@postgang/rules';
import { PopulationRegister } from './population-register.js';

const ID = '17912099997';
const name = [{ fornavn: 'Kari', etternavn: 'Prøve' }];

/** What is made of one person of the register's. */
async function answerAbout(folkeregisterperson: Record<string, unknown>): Promise<AddressAnswer> {
  const body = { oppslag: [{ foedselsEllerDNummer: ID, folkeregisterperson: { navn: name, ...folkeregisterperson } }] };
  const http = { request: () => Promise.resolve({ status: 200, headers: {}, json: (): unknown => body }) };
  const tokens = { tokenFor: () => Promise.resolve({ token: 'token', expiresAt: 0 }) };
  const register = new PopulationRegister(http as unknown as HttpClient, tokens as unknown as MaskinportenTokens);
  const [answer] = await register.addresses([{ nationalId: ID, sender: '310000027' }]);
  if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
  return answer;
}

const inNorway = (adresselinje: readonly string[]) => ({
  postadresse: [{ postadresseIFrittFormat: { adresselinje, postnummer: '0150', poststed: 'Oslo' } }],
});
const abroad = (adresselinje: readonly string[]) => ({
  postadresseIUtlandet: [
    {
      utenlandskAdresseIFrittFormat: {
        adresselinje,
        postkode: '422 46',
        byEllerStedsnavn: 'Hisings Backa',
        landkode: 'SE',
      },
    },
  ],
});

describe('the postal address', () => {
  it.each([
    ['in Norway', inNorway],
    ['abroad', abroad],
  ])('%s keeps all its lines', async (_where, at) => {
    const lines = ['c/o Lindqvist', 'Block B', 'Storgatan 1', 'lgh 1102', 'plan 3', 'portkod 12'];
    const answer = await answerAbout(at(lines));
    if (answer.kind !== 'known') throw new Error(answer.kind);
    const written = addressLines(answer.address)?.join('\n') ?? '';
    for (const line of lines) expect(written).toContain(line);
  });

  it.each([
    ['in Norway', inNorway],
    ['abroad', abroad],
  ])('%s that does not fit on an envelope is unknown', async (_where, at) => {
    const lines = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(60));
    expect(await answerAbout(at(lines))).toEqual({ kind: 'unknown' });
    expect(await answerAbout(at(['x'.repeat(101)]))).toEqual({ kind: 'unknown' });
  });
});

describe('what stops a letter on paper', () => {
  const home = inNorway(['Gata 1']);
  const levels = (...list: readonly (readonly [string, boolean?])[]) => ({
    adressebeskyttelse: list.map(([graderingsnivaa, erGjeldende]) => ({ graderingsnivaa, erGjeldende })),
  });

  it.each([
    ['the first', levels(['strengtFortrolig', true], ['ugradert', true])],
    ['the last', levels(['ugradert', true], ['fortrolig', true])],
    ['one that does not say whether it is in force', levels(['ugradert', true], ['klientadresse'])],
    ['one of a level that nobody knows', levels(['ugradert'], ['hemmelig', true])],
  ])('is any protection in force: %s', async (_which, protection) => {
    expect(await answerAbout({ ...home, ...protection })).toEqual({ kind: 'protected' });
  });

  it('is no protection of the past, and none that is no protection', async () => {
    const past = levels(['strengtFortrolig', false], ['ugradert', true]);
    expect(await answerAbout({ ...home, ...past })).toMatchObject({ kind: 'known' });
  });

  it('is a death in force, wherever it stands', async () => {
    const status = [{ status: 'bosatt' }, { status: 'doed', erGjeldende: true }];
    expect(await answerAbout({ ...home, status })).toEqual({ kind: 'deceased' });
  });
});
