import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestAuthority } from '@postgang/document-package';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { createPublicKey, KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox, type Sandbox } from '../src/index.js';
import { AGENCY, OTHER_AGENCY, Sender } from './sender.js';

let dir: string;
let sandbox: Sandbox;
let sender: Sender;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sandbox-'));
  sandbox = await startSandbox({ dir });
  sender = new Sender(sandbox);
  await sender.post('/admin/agencies', { agencies: [AGENCY] });
});
afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

async function refused(assertion: string): Promise<string> {
  const response = await sender.redeem(assertion);
  const body = (await response.json()) as { error: string; error_description: string };
  return `${response.status} ${body.error} ${body.error_description}`;
}

describe('a grant that is right', () => {
  it('gives a delegated token with consumer, supplier and audience, which verifies against the published keys', async () => {
    const token = await sender.token({ consumer_org: AGENCY, resource: ['https://c2.example/'] });
    const metadata = await sender.get<Record<string, string>>('/.well-known/oauth-authorization-server');
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(metadata['jwks_uri'] as string)), {
      issuer: metadata['issuer'] as string,
      audience: 'https://c2.example/',
      algorithms: ['RS256'],
    });
    expect(payload).toMatchObject({
      scope: 'digitalpostinnbygger:send',
      client_amr: 'virksomhetssertifikat',
      consumer: { authority: 'iso6523-actorid-upis', ID: `0192:${AGENCY}` },
      supplier: { authority: 'iso6523-actorid-upis', ID: `0192:${sandbox.operator.organisation}` },
      delegation_source: 'https://tt02.altinn.no/',
    });
    expect((payload.exp as number) - (payload.iat as number)).toBe(120);
  });

  it('gives a token without supplier when nobody is acted for', async () => {
    const [, payload = ''] = (await sender.token({})).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    expect(claims['consumer']).toEqual({
      authority: 'iso6523-actorid-upis',
      ID: `0192:${sandbox.operator.organisation}`,
    });
    expect(claims).not.toHaveProperty('supplier');
    expect(claims).not.toHaveProperty('aud');
  });

  it('is accepted from an agency that registered a plain key', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'key-1' }];
    await sender.post('/admin/clients', { organisation: OTHER_AGENCY, clientId: 'agency', jwks: { keys } });
    const identity = { key: KeyObject.from(privateKey), certificates: [] };
    const claims = { iss: 'agency', scope: 'postgang:letters.write postgang:letters.read' };
    const response = await sender.redeem(await sender.grant(claims, { identity, header: { kid: 'key-1' } }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ scope: claims.scope, token_type: 'Bearer' });
    expect(await refused(await sender.grant(claims, { identity, header: { kid: 'key-2' } }))).toMatch(/MP-100/);
  });

  it('is accepted from an agency with its own certificate', async () => {
    await sender.post('/admin/clients', { organisation: OTHER_AGENCY, clientId: 'with-certificate' });
    const identity = await sender.otherIdentity(OTHER_AGENCY);
    const claims = { iss: 'with-certificate', scope: 'postgang:letters.write' };
    expect((await sender.redeem(await sender.grant(claims, { identity }))).status).toBe(200);
  });
});

describe('a grant that is wrong is refused', () => {
  it('from an unknown client', async () => {
    expect(await refused(await sender.grant({ iss: 'nobody' }))).toMatch(/^400 invalid_grant MP-100/);
  });
  it('for another audience', async () => {
    expect(await refused(await sender.grant({ aud: 'https://maskinporten.no/' }))).toMatch(/^400 invalid_grant MP-110/);
  });
  it('with a certificate of another authority', async () => {
    const identity = await (await TestAuthority.create('Other')).issue(sandbox.operator.organisation, 'Forged');
    expect(await refused(await sender.grant({}, { identity }))).toMatch(/^400 invalid_grant MP-120/);
  });
  it('with a certificate of another organisation', async () => {
    const identity = await sender.otherIdentity(OTHER_AGENCY);
    expect(await refused(await sender.grant({}, { identity }))).toMatch(/^400 invalid_grant MP-122/);
  });
  it('without certificate, or with one that is no list', async () => {
    expect(await refused(await sender.grant({}, { header: {} }))).toMatch(/^400 invalid_grant MP-123/);
    expect(await refused(await sender.grant({}, { header: { x5c: ['bm8='] } }))).toMatch(/^400 invalid_grant MP-123/);
  });
  it('signed by another key than the certificate says', async () => {
    const x5c = sender.identity.certificates.map((certificate) => certificate.raw.toString('base64'));
    const identity = await sender.otherIdentity(sandbox.operator.organisation);
    expect(await refused(await sender.grant({}, { identity, header: { x5c } }))).toMatch(/^400 invalid_grant MP-124/);
  });
  it('with a lifetime over 120 seconds, expired, or from the future', async () => {
    const now = Math.floor(Date.now() / 1_000);
    expect(await refused(await sender.grant({ exp: now + 121, iat: now }))).toMatch(/120 seconds/);
    expect(await refused(await sender.grant({ exp: now - 1, iat: now - 60 }))).toMatch(/MP-130/);
    expect(await refused(await sender.grant({ exp: now + 120, iat: now + 60 }))).toMatch(/Issue time/);
  });
  it('when it was used before', async () => {
    const assertion = await sender.grant();
    expect((await sender.redeem(assertion)).status).toBe(200);
    expect(await refused(assertion)).toMatch(/^400 invalid_grant MP-012/);
  });
  it('with a claim the specification does not know', async () => {
    expect(await refused(await sender.grant({ sub: 'x' }))).toMatch(/^400 invalid_request MP-011/);
  });
  it('with a scope the client does not have, or none', async () => {
    expect(await refused(await sender.grant({ scope: 'skatt:alt' }))).toMatch(/^400 invalid_scope MP-200/);
    expect(await refused(await sender.grant({ scope: undefined }))).toMatch(/^400 invalid_request/);
  });
  it('for an agency that has not delegated, and after it took the delegation back', async () => {
    expect(await refused(await sender.grant({ consumer_org: '312100002' }))).toMatch(/^403 forbidden MP-251/);
    await sender.post('/admin/agencies', { agencies: ['312100207'] });
    expect((await sender.redeem(await sender.grant({ consumer_org: '312100207' }))).status).toBe(200);
    await fetch(`${sandbox.url}/admin/delegations`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ consumer: '312100207' }),
    });
    expect(await refused(await sender.grant({ consumer_org: '312100207' }))).toMatch(/^403 forbidden MP-251/);
  });
  it('for the client itself as consumer_org', async () => {
    expect(await refused(await sender.grant({ consumer_org: sandbox.operator.organisation }))).toMatch(
      /invalid_request/,
    );
  });
  it('of another grant type, or that is no JWT at all', async () => {
    const response = await fetch(`${sandbox.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password' }),
    });
    expect(await response.json()).toMatchObject({ error: 'unsupported_grant_type' });
    expect(await refused('garbage')).toMatch(/^400 invalid_request/);
  });
});

it('a later start goes on with the same keys', async () => {
  const again = await startSandbox({ dir });
  try {
    expect(again.certificates.operator.certificates[0]?.fingerprint256).toBe(
      sandbox.certificates.operator.certificates[0]?.fingerprint256,
    );
    const { chainPem, keyPem } = await again.certificates.issue(AGENCY, 'Etat');
    expect(createPublicKey(chainPem).equals(createPublicKey(keyPem))).toBe(true);
    expect(again.certificates.trust.map(String)).toEqual(sandbox.certificates.trust.map(String));
  } finally {
    await again.stop();
  }
});
