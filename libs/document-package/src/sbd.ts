import { addressLines, isAbroad, NOTICE_ADDRESS } from '@postgang/rules';
import { charactersIn } from './characters.js';
import { PackageError } from './errors.js';

/** The business message of digital post (innbyggerpost DPI 1.0), JSON. Names on the wire are the specification's own, misspellings included. */
export type DpiType =
  | 'digital'
  | 'utskrift'
  | 'leveringskvittering'
  | 'aapningskvittering'
  | 'varslingfeiletkvittering'
  | 'mottakskvittering'
  | 'returpostkvittering'
  | 'feil';

export interface Actor {
  readonly identifier: { readonly authority: string; readonly value: string };
}

export interface Sbd {
  readonly standardBusinessDocument: {
    readonly standardBusinessDocumentHeader: {
      readonly headerVersion: string;
      readonly sender: readonly [Actor];
      readonly receiver: readonly [Actor];
      readonly documentIdentification: {
        readonly standard: string;
        readonly typeVersion: string;
        readonly instanceIdentifier: string;
        readonly type: string;
        readonly creationDateAndTime: string;
      };
      readonly businessScope: {
        readonly scope: readonly {
          readonly type: string;
          readonly instanceIdentifier?: string;
          readonly identifier?: string;
          readonly scopeInformation?: readonly { readonly expectedResponseDateTime?: string }[];
        }[];
      };
    };
  } & { readonly [type in DpiType]?: Record<string, unknown> };
}

const AUTHORITY = 'iso6523-actorid-upis';
const actor = (organisation: string): Actor => ({
  identifier: { authority: AUTHORITY, value: `0192:${organisation}` },
});
const organisationId = (organisation: string) => ({ authority: AUTHORITY, value: `0192:${organisation}` });

export interface MessageHead {
  /** Organisation number of who signs and gets the receipts: the operator. */
  readonly technicalSender: string;
  readonly receiver: string;
  readonly messageId: string;
  readonly conversationId: string;
  readonly createdAt: Date;
  readonly expectedResponseAt?: Date;
}

function document(
  head: MessageHead,
  type: DpiType,
  process: 'digital' | 'utskrift',
  body: Record<string, unknown>,
): Sbd {
  return {
    standardBusinessDocument: {
      standardBusinessDocumentHeader: {
        headerVersion: '1.0',
        sender: [actor(head.technicalSender)],
        receiver: [actor(head.receiver)],
        documentIdentification: {
          standard: `urn:fdc:digdir.no:2020:innbyggerpost:xsd::innbyggerpost##urn:fdc:digdir.no:2020:innbyggerpost:schema:${type}::1.0`,
          typeVersion: '1.0',
          instanceIdentifier: head.messageId,
          type,
          creationDateAndTime: head.createdAt.toISOString(),
        },
        businessScope: {
          scope: [
            {
              type: 'ConversationId',
              instanceIdentifier: head.conversationId,
              identifier: `urn:fdc:digdir.no:2020:profile:egovernment:innbyggerpost:${process}:ver1.0`,
              ...(head.expectedResponseAt === undefined
                ? {}
                : { scopeInformation: [{ expectedResponseDateTime: head.expectedResponseAt.toISOString() }] }),
            },
          ],
        },
      },
      [type]: body,
    },
  };
}

export interface LetterBody {
  /** Organisation number of the agency the letter is from. */
  readonly sender: string;
  readonly senderUnit?: string;
  readonly invoiceReference?: string;
  readonly packageDigest: string;
  readonly maskinportenToken: string;
}

export interface MailboxNotice {
  readonly email?: { readonly address: string; readonly text: string };
  readonly sms?: { readonly number: string; readonly text: string };
  /** Days after the letter is visible, 0–25. §8 letters: [0, 7]. */
  readonly repetitions: readonly number[];
}

export interface DigitalBody extends LetterBody {
  readonly mailboxAddress: string;
  readonly securityLevel: 3 | 4;
  readonly nonSensitiveTitle: string;
  readonly language: string;
  readonly openingReceipt: boolean;
  readonly effectiveAt?: Date;
  readonly notice?: MailboxNotice;
}

export interface WireAddress {
  readonly name: string;
  readonly lines: readonly string[];
  readonly postalCode?: string;
  readonly city?: string;
  readonly countryCode?: string;
}

export interface PrintBody extends LetterBody {
  readonly address: WireAddress;
  readonly colour: boolean;
  readonly postClass: 'A' | 'B';
  readonly returnAddress: WireAddress;
  readonly returnHandling: 'DIREKTE_RETUR' | 'MAKULERING_MED_MELDING';
}

const common = (body: LetterBody) => ({
  avsender: {
    virksomhetsidentifikator: organisationId(body.sender),
    ...(body.senderUnit === undefined ? {} : { avsenderidentifikator: body.senderUnit }),
    ...(body.invoiceReference === undefined ? {} : { fakturaReferanse: body.invoiceReference }),
  },
  dokumentpakkefingeravtrykk: {
    digestMethod: 'http://www.w3.org/2001/04/xmlenc#sha256',
    digestValue: body.packageDigest,
  },
  maskinportentoken: body.maskinportenToken,
});

export function digitalSbd(head: MessageHead, body: DigitalBody): Sbd {
  const { email, sms, repetitions = [0] } = body.notice ?? {};
  return document(head, 'digital', 'digital', {
    ...common(body),
    mottaker: { postkasseadresse: body.mailboxAddress },
    sikkerhetsnivaa: body.securityLevel,
    ...(body.effectiveAt === undefined ? {} : { virkningstidspunkt: body.effectiveAt.toISOString() }),
    aapningskvittering: body.openingReceipt,
    ikkesensitivtittel: body.nonSensitiveTitle,
    spraak: body.language,
    varsler: {
      ...(email === undefined
        ? {}
        : { epostvarsel: { epostadresse: email.address, varslingstekst: email.text, repetisjoner: repetitions } }),
      ...(sms === undefined
        ? {}
        : { smsvarsel: { mobiltelefonnummer: sms.number, varslingstekst: sms.text, repetisjoner: repetitions } }),
    },
  });
}

export function printSbd(head: MessageHead, body: PrintBody): Sbd {
  return document(head, 'utskrift', 'utskrift', {
    ...common(body),
    mottaker: wireAddress(body.address),
    utskriftstype: body.colour ? 'FARGE' : 'SORT_HVIT',
    retur: { mottaker: wireAddress(body.returnAddress), returposthaandtering: body.returnHandling },
    posttype: body.postClass,
  });
}

/**
 * The schema wants either a Norwegian address or a country, never both: a foreign postcode and town are folded into a line. Throws
 * PackageError('message-invalid') when the address does not fit: nothing of it is left out.
 */
export function wireAddress(address: WireAddress): Record<string, string> {
  const lines = addressLines(address);
  if (lines === undefined) throw invalid('/utskrift: an address that does not fit');
  const numbered = Object.fromEntries(lines.map((line, index) => [`adresselinje${index + 1}`, line]));
  return {
    navn: address.name,
    ...numbered,
    ...(address.countryCode !== undefined && isAbroad(address)
      ? { landkode: address.countryCode }
      : { postnummer: address.postalCode ?? '', poststed: address.city ?? '' }),
  };
}

export interface ReceiptBody {
  readonly kind: Exclude<DpiType, 'digital' | 'utskrift'>;
  readonly process: 'digital' | 'utskrift';
  readonly at: Date;
  /** Further fields of the kind: `varslingskanal`, `beskrivelse`, `feiltype`, `detaljer`. */
  readonly extra?: Record<string, string>;
}

/** A provider's receipt, as the sandbox writes it. */
export function receiptSbd(head: MessageHead, body: ReceiptBody): Sbd {
  return document(head, body.kind, body.process, {
    avsender: { virksomhetsidentifikator: organisationId(head.technicalSender) },
    mottaker: { virksomhetsidentifikator: organisationId(head.receiver) },
    tidspunkt: body.at.toISOString(),
    ...body.extra,
  });
}

type Json = Record<string, unknown>;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
/** RFC 3339, as Java and .NET print it: up to nine decimals, `Z` or an offset. */
const DATE_TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/i;

/** A hand-written check of the published schemas' rules. Throws PackageError('message-invalid', JSON pointer). */
export function checkSbd(value: unknown): { sbd: Sbd; type: DpiType } {
  const root = object(value, '', ['standardBusinessDocument']);
  const outer = object(root['standardBusinessDocument'], '/standardBusinessDocument');
  const head = object(outer['standardBusinessDocumentHeader'], '/header', [
    'headerVersion',
    'sender',
    'receiver',
    'documentIdentification',
    'businessScope',
  ]);
  text(head['headerVersion'], '/header/headerVersion');
  for (const side of ['sender', 'receiver'] as const) {
    const list = head[side];
    if (!Array.isArray(list) || list.length !== 1) throw invalid(`/header/${side}`);
    const identifier = object(
      object(list[0], `/header/${side}/0`, ['identifier'])['identifier'],
      `/header/${side}/0/identifier`,
      ['authority', 'value'],
    );
    text(identifier['authority'], `/header/${side}/0/identifier/authority`);
    text(identifier['value'], `/header/${side}/0/identifier/value`);
  }
  const identification = object(head['documentIdentification'], '/documentIdentification', [
    'standard',
    'typeVersion',
    'instanceIdentifier',
    'type',
    'creationDateAndTime',
  ]);
  for (const field of ['standard', 'typeVersion', 'type'])
    text(identification[field], `/documentIdentification/${field}`);
  match(identification['instanceIdentifier'], UUID, '/documentIdentification/instanceIdentifier');
  dateTime(identification['creationDateAndTime'], '/documentIdentification/creationDateAndTime');
  const scopes = object(head['businessScope'], '/businessScope', ['scope'])['scope'];
  if (!Array.isArray(scopes) || scopes.length > 20) throw invalid('/businessScope/scope');
  for (const scope of scopes) checkScope(scope, '/businessScope/scope');
  const conversation = (scopes as Json[]).find((scope) => scope['type'] === 'ConversationId');
  match(conversation?.['instanceIdentifier'], UUID, '/businessScope/scope/instanceIdentifier');
  const type = identification['type'] as DpiType;
  // own fields only: `constructor` is a name that every object answers to
  const checkBody = Object.hasOwn(BODIES, type) ? BODIES[type] : undefined;
  if (
    checkBody === undefined ||
    Object.keys(outer).sort().join() !== ['standardBusinessDocumentHeader', type].sort().join()
  )
    throw invalid('/documentIdentification/type');
  checkBody(object(outer[type], `/${type}`), `/${type}`);
  return { sbd: value as Sbd, type };
}

function checkScope(value: unknown, at: string): void {
  const scope = object(value, at, ['type', 'instanceIdentifier', 'identifier', 'scopeInformation']);
  text(scope['type'], `${at}/type`);
  if (scope['identifier'] !== undefined) text(scope['identifier'], `${at}/identifier`, 0);
  const information = scope['scopeInformation'] ?? [];
  if (!Array.isArray(information)) throw invalid(`${at}/scopeInformation`);
  for (const entry of information) {
    const { expectedResponseDateTime: expected } = object(entry, `${at}/scopeInformation`, [
      'expectedResponseDateTime',
    ]);
    if (expected !== undefined) text(expected, `${at}/scopeInformation/expectedResponseDateTime`, 0);
  }
}

const RECEIPT_FIELDS = ['avsender', 'mottaker', 'tidspunkt'];
const receipt =
  (extra: Record<string, (value: unknown, at: string) => void>, required: readonly string[] = []) =>
  (body: Json, at: string): void => {
    // one published sample carries a maskinportentoken in a receipt; being strict there would set real receipts aside
    object(body, at, [...RECEIPT_FIELDS, 'maskinportentoken', ...Object.keys(extra)]);
    senderOf(body['avsender'], `${at}/avsender`);
    organisationField(
      object(body['mottaker'], `${at}/mottaker`)['virksomhetsidentifikator'],
      `${at}/mottaker/virksomhetsidentifikator`,
    );
    dateTime(body['tidspunkt'], `${at}/tidspunkt`);
    for (const [field, check] of Object.entries(extra))
      if (required.includes(field) || body[field] !== undefined) check(body[field], `${at}/${field}`);
  };

const BODIES: Record<DpiType, (body: Json, at: string) => void> = {
  digital: (body, at) => {
    object(body, at, [
      'avsender',
      'mottaker',
      'dokumentpakkefingeravtrykk',
      'maskinportentoken',
      'sikkerhetsnivaa',
      'virkningsdato',
      'virkningstidspunkt',
      'aapningskvittering',
      'ikkesensitivtittel',
      'spraak',
      'varsler',
    ]);
    letterFields(body, at);
    text(
      object(body['mottaker'], `${at}/mottaker`, ['postkasseadresse'])['postkasseadresse'],
      `${at}/mottaker/postkasseadresse`,
    );
    if (body['sikkerhetsnivaa'] !== 3 && body['sikkerhetsnivaa'] !== 4) throw invalid(`${at}/sikkerhetsnivaa`);
    if (body['virkningstidspunkt'] !== undefined) dateTime(body['virkningstidspunkt'], `${at}/virkningstidspunkt`);
    if (body['virkningsdato'] !== undefined) match(body['virkningsdato'], DATE, `${at}/virkningsdato`);
    if (body['aapningskvittering'] !== undefined && typeof body['aapningskvittering'] !== 'boolean')
      throw invalid(`${at}/aapningskvittering`);
    text(body['ikkesensitivtittel'], `${at}/ikkesensitivtittel`, 1, 255);
    text(body['spraak'], `${at}/spraak`, 2, 2);
    if (body['varsler'] !== undefined) noticesOf(body['varsler'], `${at}/varsler`);
  },
  utskrift: (body, at) => {
    object(body, at, [
      'avsender',
      'mottaker',
      'dokumentpakkefingeravtrykk',
      'maskinportentoken',
      'utskriftstype',
      'retur',
      'posttype',
    ]);
    letterFields(body, at);
    addressField(body['mottaker'], `${at}/mottaker`);
    oneOf(body['utskriftstype'], ['SORT_HVIT', 'FARGE'], `${at}/utskriftstype`);
    const back = object(body['retur'], `${at}/retur`, ['mottaker', 'returposthaandtering']);
    addressField(back['mottaker'], `${at}/retur/mottaker`);
    oneOf(
      back['returposthaandtering'],
      ['DIREKTE_RETUR', 'MAKULERING_MED_MELDING'],
      `${at}/retur/returposthaandtering`,
    );
    if (body['posttype'] !== undefined) oneOf(body['posttype'], ['A', 'B'], `${at}/posttype`);
  },
  leveringskvittering: receipt({}),
  aapningskvittering: receipt({}),
  mottakskvittering: receipt({}),
  returpostkvittering: receipt({}),
  varslingfeiletkvittering: receipt(
    {
      beskrivelse: (value, at) => text(value, at, 0),
      varslingskanal: (value, at) => oneOf(value, ['epost', 'sms'], at),
    },
    ['varslingskanal'],
  ),
  feil: receipt(
    { feiltype: (value, at) => oneOf(value, ['KLIENT', 'SERVER'], at), detaljer: (value, at) => text(value, at, 0) },
    ['feiltype'],
  ),
};

function letterFields(body: Json, at: string): void {
  senderOf(body['avsender'], `${at}/avsender`);
  const digest = object(body['dokumentpakkefingeravtrykk'], `${at}/dokumentpakkefingeravtrykk`, [
    'digestMethod',
    'digestValue',
  ]);
  text(digest['digestMethod'], `${at}/dokumentpakkefingeravtrykk/digestMethod`, 0);
  text(digest['digestValue'], `${at}/dokumentpakkefingeravtrykk/digestValue`, 0);
  text(body['maskinportentoken'], `${at}/maskinportentoken`, 0);
}

function senderOf(value: unknown, at: string): void {
  const sender = object(value, at, ['virksomhetsidentifikator', 'avsenderidentifikator', 'fakturaReferanse']);
  organisationField(sender['virksomhetsidentifikator'], `${at}/virksomhetsidentifikator`);
  if (sender['avsenderidentifikator'] !== undefined)
    text(sender['avsenderidentifikator'], `${at}/avsenderidentifikator`, 0, 100);
  if (sender['fakturaReferanse'] !== undefined) text(sender['fakturaReferanse'], `${at}/fakturaReferanse`, 0, 40);
}

function organisationField(value: unknown, at: string): void {
  const organisation = object(value, at, ['authority', 'value']);
  oneOf(organisation['authority'], [AUTHORITY], `${at}/authority`);
  match(organisation['value'], /[0-9]{4}:\w{1,35}/, `${at}/value`);
}

function noticesOf(value: unknown, at: string): void {
  const notices = object(value, at);
  const check = (name: string, address: string, most: number, valid: RegExp): void => {
    if (notices[name] === undefined) return;
    const notice = object(notices[name], `${at}/${name}`, [address, 'varslingstekst', 'repetisjoner']);
    match(notice[address], valid, `${at}/${name}/${address}`);
    text(notice['varslingstekst'], `${at}/${name}/varslingstekst`, 1, most);
    const days = notice['repetisjoner'];
    const whole =
      Array.isArray(days) &&
      days.length >= 1 &&
      days.length <= 10 &&
      days.every((day) => Number.isInteger(day) && day >= 0 && day <= 25);
    if (!whole) throw invalid(`${at}/${name}/repetisjoner`);
  };
  check('epostvarsel', 'epostadresse', 500, NOTICE_ADDRESS.email);
  check('smsvarsel', 'mobiltelefonnummer', 160, NOTICE_ADDRESS.mobile);
}

const ADDRESS_LIMITS: Record<string, number> = {
  navn: 1_000,
  adresselinje1: 100,
  adresselinje2: 100,
  adresselinje3: 100,
  adresselinje4: 100,
  poststed: 80,
  land: 80,
};

function addressField(value: unknown, at: string): void {
  const address = object(value, at, [...Object.keys(ADDRESS_LIMITS), 'postnummer', 'landkode']);
  for (const [field, most] of Object.entries(ADDRESS_LIMITS))
    if (address[field] !== undefined) text(address[field], `${at}/${field}`, 0, most);
  if (address['postnummer'] !== undefined) match(address['postnummer'], /^\d{4}$/, `${at}/postnummer`);
  if (address['landkode'] !== undefined) match(address['landkode'], /^[a-zA-Z]{2}$/, `${at}/landkode`);
  const norwegian = address['postnummer'] !== undefined && address['poststed'] !== undefined;
  const forms = [norwegian, address['land'] !== undefined, address['landkode'] !== undefined].filter(Boolean).length;
  if (address['navn'] === undefined || address['adresselinje1'] === undefined || forms !== 1) throw invalid(at);
}

function object(value: unknown, at: string, allowed?: readonly string[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(at);
  if (allowed !== undefined)
    for (const key of Object.keys(value)) if (!allowed.includes(key)) throw invalid(`${at}: unknown field`);
  return value as Json;
}

function text(value: unknown, at: string, least = 1, most = 100_000): void {
  if (typeof value !== 'string' || value.length > 2 * most) throw invalid(at);
  const length = charactersIn(value);
  if (length < least || length > most) throw invalid(at);
}

function dateTime(value: unknown, at: string): void {
  match(value, DATE_TIME, at);
  // 30 February has the form, and would be taken for 2 March
  const day = (value as string).slice(0, 10);
  const read = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(read.getTime()) || read.toISOString().slice(0, 10) !== day) throw invalid(at);
}

function match(value: unknown, expression: RegExp, at: string): void {
  if (typeof value !== 'string' || value.length > 1_000 || !expression.test(value)) throw invalid(at);
}

function oneOf(value: unknown, allowed: readonly string[], at: string): void {
  if (typeof value !== 'string' || !allowed.includes(value)) throw invalid(at);
}

const invalid = (where: string): PackageError => new PackageError('message-invalid', where);
