import { SCRIPTED } from '@postgang/sandbox';
import { readFileSync } from 'node:fs';
import { PDF } from './mailing.js';
import type { World } from './world.js';

/** One thing that must be nowhere, with a name for it. */
export interface Secret {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Last names of the cast that are words of the outer world as well: providers' names in certificates, the text of a feil. */
const PUBLIC = new Set(['Digipost', 'Avvist']);
/** Shorter ones stand in what is random (digests, signatures) by chance; the whole name is looked for all the same. */
const TELLING_LENGTH = 5;

/** What must not leave the sealed fields: who the recipients are, how they are reached, what is written to them; tokens and keys. */
export function personalOf(world: World, tokens: readonly string[]): Secret[] {
  const people = SCRIPTED.flatMap(({ case: name, nationalId, firstName, lastName, contact, population }) =>
    Object.entries({
      'national id': nationalId,
      name: `${firstName} ${lastName}`,
      ...(PUBLIC.has(lastName) || lastName.length < TELLING_LENGTH ? {} : { 'last name': lastName }),
      'e-mail': contact.email?.value,
      mobile: contact.mobile?.value,
      mailbox: contact.mailbox?.address,
      address: population.address?.lines[0],
    }).flatMap(([what, value]) => (value === undefined ? [] : [[`${what} of ${name}`, value] as const])),
  );
  const keys = JSON.parse(readFileSync(world.settings['KEY_RING_FILE'] ?? '', 'utf8')) as Record<
    string,
    { keys: Record<string, string> }
  >;
  const all: (readonly [string, string])[] = [
    ...people,
    ['title', 'Brev om saken din'],
    ['document', PDF.toString('latin1')],
    ['operator key', readFileSync(world.settings['OPERATOR_KEY_FILE'] ?? '', 'utf8').slice(60, 120)],
    // the header is the same in every token of the issuer
    ...tokens.flatMap((token) =>
      token
        .split('.')
        .slice(1)
        .map((part) => ['token', part] as const),
    ),
    ...Object.entries(keys).flatMap(([scope, ring]) =>
      Object.values(ring.keys).map((key) => [`key of ${scope}`, key] as const),
    ),
  ];
  return all.map(([what, text]) => ({ what, bytes: Buffer.from(text) }));
}

export const find = (where: string, text: string, secrets: readonly Secret[]): string[] =>
  findingsIn(where, Buffer.from(text), secrets);

/** Plain, and inside what is base64: where a JSON or a JWS carries it. */
export function findingsIn(where: string, bytes: Buffer, secrets: readonly Secret[]): string[] {
  const decoded = (bytes.toString('latin1').match(/[\w+/-]{24,}/g) ?? []).map((text) => Buffer.from(text, 'base64'));
  const haystack = Buffer.concat([bytes, ...decoded]);
  return secrets.filter((secret) => haystack.includes(secret.bytes)).map(({ what }) => `${where}: ${what}`);
}
