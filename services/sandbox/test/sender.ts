import {
  digitalSbd,
  printSbd,
  safeHref,
  sealPackage,
  signingIdentityFromPem,
  signSbd,
  type Sbd,
  type SigningIdentity,
} from '@postgang/document-package';
import { SignJWT } from 'jose';
import { randomUUID } from 'node:crypto';
import { DIGIPOST, PRINT_SHOP, type Person, type Sandbox } from '../src/index.js';

export const AGENCY = '310000027';
export const OTHER_AGENCY = '310000108';
const PDF = Buffer.from('%PDF-1.4\n% a letter\n%%EOF\n');

/** The operator, as Postgang will behave: asks for tokens, seals, sends, fetches. Every step can be done wrongly on purpose. */
export class Sender {
  readonly identity: SigningIdentity;

  constructor(readonly sandbox: Sandbox) {
    this.identity = sandbox.certificates.operator;
  }

  async post(path: string, body: unknown, token?: string): Promise<Response> {
    return fetch(`${this.sandbox.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  }

  async get<T>(path: string, token?: string): Promise<T> {
    const response = await this.answer(path, token);
    return response.status === 204 ? ([] as T) : ((await response.json()) as T);
  }

  answer(path: string, token?: string): Promise<Response> {
    return fetch(
      `${this.sandbox.url}${path}`,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );
  }

  async grant(
    claims: Record<string, unknown> = {},
    by: { readonly identity?: SigningIdentity; readonly header?: Record<string, unknown>; readonly now?: number } = {},
  ): Promise<string> {
    const { key, certificates } = by.identity ?? this.identity;
    const now = by.now ?? Math.floor(Date.now() / 1_000);
    const all: Record<string, unknown> = {
      aud: this.sandbox.issuer,
      iss: this.sandbox.operator.clientId,
      iat: now,
      exp: now + 100,
      jti: randomUUID(),
      scope: 'digitalpostinnbygger:send',
      ...claims,
    };
    return new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
      .setProtectedHeader({
        alg: 'RS256',
        ...(by.header ?? { x5c: certificates.map((certificate) => certificate.raw.toString('base64')) }),
      })
      .sign(key);
  }

  redeem(assertion: string): Promise<Response> {
    return fetch(`${this.sandbox.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }),
    });
  }

  async token(claims: Record<string, unknown> = { consumer_org: AGENCY }): Promise<string> {
    const response = await this.redeem(await this.grant(claims));
    const body = (await response.json()) as { access_token?: string };
    if (body.access_token === undefined) throw new Error(`no token: ${JSON.stringify(body)}`);
    return body.access_token;
  }

  async letter(to: Person, options: LetterOptions = {}): Promise<OutgoingLetter> {
    const token = options.token ?? (await this.token());
    const digital = to.contact.mailbox !== undefined && options.print !== true;
    const receiver = digital ? (to.contact.mailbox?.provider ?? DIGIPOST) : PRINT_SHOP;
    const mediaType = options.mediaType ?? 'application/pdf';
    const recipient = this.sandbox.certificates.providers.get(options.sealFor ?? receiver)?.certificates[0];
    if (recipient === undefined) throw new Error('no such provider');
    const { cms, digest } = await sealPackage({
      manifest: {
        sender: `0192:${AGENCY}`,
        language: 'no',
        ...(digital ? { mailboxAddress: options.manifestMailbox ?? to.contact.mailbox?.address } : {}),
      },
      main: { href: safeHref(0, mediaType), mediaType, title: 'Vedtak om løyve', content: options.content ?? PDF },
      attachments: [],
      signer: options.packageSigner ?? this.identity,
      recipient,
      signingTime: new Date(),
    });
    const head = {
      technicalSender: options.technicalSender ?? this.sandbox.operator.organisation,
      receiver: options.receiver ?? receiver,
      messageId: options.messageId ?? randomUUID(),
      conversationId: randomUUID(),
      createdAt: new Date(),
    };
    const common = { sender: options.sender ?? AGENCY, packageDigest: digest, maskinportenToken: token };
    const address = to.population.address;
    const sbd = digital
      ? digitalSbd(head, {
          ...common,
          mailboxAddress: to.contact.mailbox?.address,
          securityLevel: 3,
          nonSensitiveTitle: 'Brev fra kommunen',
          language: 'nb',
          openingReceipt: options.openingReceipt ?? false,
          notice: {
            email: { address: 'a@epost.example', text: 'Du har fått et brev' },
            sms: { number: '+4790000001', text: 'Du har fått et brev' },
            repetitions: [0, 7],
          },
        })
      : printSbd(head, {
          ...common,
          address: {
            name: `${to.firstName} ${to.lastName}`,
            lines: ['Ingen vei 1'],
            postalCode: '0001',
            city: 'Oslo',
            ...address,
          },
          colour: false,
          postClass: 'B',
          returnAddress: { name: 'Kommunen', lines: ['Rådhusplassen 1'], postalCode: '0037', city: 'Oslo' },
          returnHandling: options.returnHandling ?? 'MAKULERING_MED_MELDING',
        });
    const changed = options.change?.(structuredClone(sbd) as unknown as Record<string, unknown>) ?? sbd;
    return {
      token,
      cms: options.cms ?? cms,
      jws: await signSbd(changed as Sbd, options.signer ?? this.identity),
      messageId: head.messageId,
      conversationId: head.conversationId,
    };
  }

  send(letter: OutgoingLetter, options: { readonly queue?: string; readonly bearer?: string } = {}): Promise<Response> {
    const form = new FormData();
    form.append('forretningsmelding', new Blob([letter.jws], { type: 'application/jwt' }), 'sbd.jwt');
    form.append('dokumentpakke', new Blob([new Uint8Array(letter.cms)], { type: 'application/cms' }), 'asic.cms');
    return fetch(`${this.sandbox.url}/messages/out${options.queue === undefined ? '' : `?kanal=${options.queue}`}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${options.bearer ?? letter.token}` },
      body: form,
    });
  }

  async otherIdentity(organisation: string): Promise<SigningIdentity> {
    const { keyPem, chainPem } = await this.sandbox.certificates.issue(organisation, 'Noen andre');
    return signingIdentityFromPem(keyPem, chainPem);
  }
}

export interface LetterOptions {
  readonly token?: string;
  readonly print?: boolean;
  readonly openingReceipt?: boolean;
  readonly returnHandling?: 'DIREKTE_RETUR' | 'MAKULERING_MED_MELDING';
  readonly mediaType?: string;
  readonly content?: Buffer;
  readonly cms?: Buffer;
  readonly sealFor?: string;
  readonly manifestMailbox?: string;
  readonly packageSigner?: SigningIdentity;
  readonly technicalSender?: string;
  readonly receiver?: string;
  readonly sender?: string;
  readonly messageId?: string;
  readonly signer?: SigningIdentity;
  readonly change?: (sbd: Record<string, unknown>) => unknown;
}

export interface OutgoingLetter {
  readonly token: string;
  readonly cms: Buffer;
  readonly jws: string;
  readonly messageId: string;
  readonly conversationId: string;
}

export async function problemOf(response: Response): Promise<string> {
  if (response.headers.get('content-type')?.startsWith('application/problem+json') !== true)
    return `${response.status} without a problem`;
  const { type } = (await response.json()) as { type: string };
  return `${response.status} ${type.split('/').at(-1) ?? ''}`;
}
