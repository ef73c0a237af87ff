import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Clock } from '@postgang/outside';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIGIPOST, personFor, PRINT_SHOP, scripted, startSandbox, type Sandbox } from '../src/index.js';
import { registerTime } from '../src/registers/dates.js';
import { AGENCY, problemOf, Sender } from './sender.js';

const CONTACT = 'krr:global/kontaktinformasjon.read';
const MAILBOX = 'krr:global/digitalpost.read';
const POPULATION = 'folkeregister:deling/offentligmedhjemmel';
const BULK = '/folkeregisteret/offentlig-med-hjemmel/api/v1/personer/bulkoppslag';
interface Found {
  readonly [part: string]: unknown;
  readonly kontaktinformasjon?: Record<string, string>;
  readonly sertifikat?: string;
}

let aheadMs = 0;
const tokenClock: Clock = { now: () => new Date(Date.now() + aheadMs) };
let dir: string;
let sandbox: Sandbox;
let sender: Sender;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sandbox-'));
  sandbox = await startSandbox({ dir, seed: 5, tokenClock });
  sender = new Sender(sandbox);
  await sender.post('/admin/agencies', { agencies: [AGENCY] });
});
afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

const tokenFor = (scope: string, more: Record<string, unknown> = {}): Promise<string> =>
  sender.token({ consumer_org: AGENCY, scope, ...more });

async function lookUp(ids: readonly string[], scope = `${CONTACT} ${MAILBOX}`): Promise<Found[]> {
  const response = await sender.post('/rest/v2/personer', { personidentifikatorer: ids }, await tokenFor(scope));
  expect(response.status).toBe(200);
  return ((await response.json()) as { personer: Found[] }).personer;
}

const one = async (name: string, scope?: string): Promise<Found> =>
  (await lookUp([scripted(name).nationalId], scope))[0] as Found;

describe('the contact register', () => {
  it('answers mailbox, certificate, contact and language of somebody who can be reached', async () => {
    const found = await one('digipost');
    expect(found).toMatchObject({
      reservasjon: 'NEI',
      status: 'AKTIV',
      varslingsstatus: 'KAN_VARSLES',
      digital_post: { postkasseadresse: 'digipost#S001', postkasseleverandoeradresse: DIGIPOST },
      kontaktinformasjon: { epostadresse: 'digipost@epost.example', mobiltelefonnummer: '+4790000001' },
      spraak: 'nb',
    });
    expect(new X509Certificate(found.sertifikat ?? '').subject).toContain(`NTRNO-${DIGIPOST}`);
    expect(found.kontaktinformasjon?.['epostadresse_oppdatert']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]$/);
  });

  it('answers what the token is for, and the reservation always', async () => {
    expect(Object.keys(await one('reserved', MAILBOX)).sort()).toEqual([
      'digital_post',
      'personidentifikator',
      'reservasjon',
      'reservasjon_oppdatert',
      'reservasjonstidspunkt',
      'sertifikat',
      'status',
    ]);
    const contact = await one('digipost', CONTACT);
    expect(contact).not.toHaveProperty('digital_post');
    expect(contact).not.toHaveProperty('sertifikat');
  });

  it('keeps the mailbox of a reserved person', async () => {
    expect(await one('reserved')).toMatchObject({
      reservasjon: 'JA',
      varslingsstatus: 'KAN_IKKE_VARSLES',
      digital_post: {},
    });
  });

  it('leaves contact, mailbox and certificate out when nothing was confirmed for 18 months', async () => {
    const found = await one('contact-outdated');
    expect(found).toMatchObject({ status: 'AKTIV', reservasjon: 'NEI', varslingsstatus: 'KAN_IKKE_VARSLES' });
    for (const part of ['kontaktinformasjon', 'digital_post', 'sertifikat']) expect(found).not.toHaveProperty(part);
  });

  it('says nothing of people it does not have, or has no more', async () => {
    expect(await one('deleted')).toMatchObject({ status: 'SLETTET', varslingsstatus: 'KAN_IKKE_VARSLES' });
    const [unknown] = await lookUp(['01010100000']);
    expect(unknown).toEqual({
      personidentifikator: '01010100000',
      reservasjon: 'NEI',
      status: 'IKKE_REGISTRERT',
      varslingsstatus: 'KAN_IKKE_VARSLES',
    });
  });

  it('gives the mailbox without certificate when it has none', async () => {
    const found = await one('no-certificate');
    expect(found).toHaveProperty('digital_post');
    expect(found).not.toHaveProperty('sertifikat');
  });

  it('takes 1000 people in one call, each once', async () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => personFor(5, index).nationalId);
    const before = sandbox.counts.krr.persons;
    const found = await lookUp(ids);
    expect(found.filter((person) => 'digital_post' in person)).toHaveLength(650);
    expect(sandbox.counts.krr.persons - before).toBe(1_000);
    expect(await lookUp([ids[0] as string, ids[0] as string])).toHaveLength(1);
  });

  it('refuses none, too many, and what is no id', async () => {
    const token = await tokenFor(CONTACT);
    const ids = Array.from({ length: 1_001 }, (_, index) => personFor(5, index).nationalId);
    for (const wrong of [[], ids, ['123'], [1]]) {
      const answer = await sender.post('/rest/v2/personer', { personidentifikatorer: wrong }, token);
      expect(await problemOf(answer)).toBe('400 invalid-request');
    }
  });

  it('refuses no token, a foreign token, another scope, another audience and an expired token', async () => {
    const body = { personidentifikatorer: [scripted('digipost').nationalId] };
    const ask = async (token?: string): Promise<string> =>
      problemOf(await sender.post('/rest/v2/personer', body, token));
    expect(await ask()).toBe('401 token-missing');
    expect(await ask('abc')).toBe('401 token-invalid');
    expect(await ask(await sender.grant())).toBe('401 token-invalid');
    expect(await ask(await tokenFor('digitalpostinnbygger:send'))).toBe('403 scope-missing');
    expect(await ask(await tokenFor(CONTACT, { resource: ['https://elsewhere.example'] }))).toBe('401 token-invalid');
    expect(await ask(await tokenFor(CONTACT, { resource: [sandbox.url] }))).toBe('200 without a problem');
    const token = await tokenFor(CONTACT);
    expect(await ask(token)).toBe('200 without a problem');
    aheadMs = 121_000;
    expect(await ask(token)).toBe('401 token-invalid');
    aheadMs = 0;
  });

  it('gives the certificate letters on paper are sealed for', async () => {
    const found = await sender.get<Record<string, string>>('/rest/v2/printSertifikat', await tokenFor(MAILBOX));
    expect(found['postkasseleverandoerAdresse']).toBe(PRINT_SHOP);
    expect(new X509Certificate(found['x509Sertifikat'] as string).subject).toContain(`NTRNO-${PRINT_SHOP}`);
  });

  it('writes times with hours only in the offset, in summer and in winter', () => {
    expect(registerTime(new Date('2023-06-13T11:42:34Z'))).toBe('2023-06-13T13:42:34+02');
    expect(registerTime(new Date('2023-12-31T23:30:00Z'))).toBe('2024-01-01T00:30:00+01');
  });
});

describe('the population register', () => {
  async function person(name: string): Promise<unknown> {
    const response = await sender.post(
      BULK,
      { foedselsEllerDNummer: [scripted(name).nationalId] },
      await tokenFor(POPULATION),
    );
    const { oppslag } = (await response.json()) as { oppslag: { folkeregisterperson?: unknown }[] };
    return oppslag[0]?.folkeregisterperson;
  }

  it('answers name and Norwegian address', async () => {
    expect(await person('no-mailbox')).toMatchObject({
      navn: [{ fornavn: 'Unni', etternavn: 'Utanpost' }],
      status: [{ status: 'bosatt' }],
      postadresse: [
        { postadresseIFrittFormat: { adresselinje: ['Prøveveien 5'], postnummer: '0173', poststed: 'Oslo' } },
      ],
    });
  });

  it('answers an address abroad with its country', async () => {
    expect(await person('abroad')).toMatchObject({
      postadresseIUtlandet: [{ utenlandskAdresseIFrittFormat: { landkode: 'SE', byEllerStedsnavn: 'Stockholm' } }],
    });
  });

  it('grades a protected person and gives no address', async () => {
    const found = await person('protected');
    expect(found).toMatchObject({ adressebeskyttelse: [{ graderingsnivaa: 'fortrolig' }] });
    expect(found).not.toHaveProperty('postadresse');
  });

  it('says who is dead, who has no address, and whom it does not know', async () => {
    expect(await person('dead')).toMatchObject({ status: [{ status: 'doed' }] });
    expect(await person('unknown-address')).not.toHaveProperty('postadresse');
    const response = await sender.post(BULK, { foedselsEllerDNummer: ['01010100000'] }, await tokenFor(POPULATION));
    expect(await response.json()).toEqual({ oppslag: [{ foedselsEllerDNummer: '01010100000' }] });
  });

  it('refuses without the scope, in its own words', async () => {
    const response = await sender.post(BULK, { foedselsEllerDNummer: ['01010100000'] }, await tokenFor(CONTACT));
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ kode: 'FREG-403', melding: POPULATION });
  });
});
