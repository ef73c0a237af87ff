import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describeWithShared, sharedFile } from '@postgang/testing';
import {
  checkSbd,
  decryptCms,
  digitalSbd,
  openPackage,
  packageDigest,
  PackageError,
  printSbd,
  readSbd,
  receiptSbd,
  verifyContainer,
  verifySbd,
  type DpiType,
} from './index.js';

const CASES = 'vectors/dpi/cases';
const file = (name: string): Buffer => readFileSync(sharedFile(`${CASES}/${name}`));

describeWithShared(CASES, 'the published packages', () => {
  const key = (): ReturnType<typeof createPrivateKey> =>
    createPrivateKey(
      execFileSync(
        'openssl',
        ['pkcs12', '-in', sharedFile(`${CASES}/eksempel.p12`), '-passin', 'pass:changeit', '-nodes', '-nocerts'],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      ),
    );

  it.each(['digital', 'utskrift'])('%s decrypts to the published container and verifies', (name) => {
    const opened = openPackage(file(`${name}-dokumentpakke.cms`), key());
    expect(opened.zip.equals(file(`${name}-dokumentpakke.zip`))).toBe(true);
    expect(opened.manifest.sender).toBe('0192:991825827');
    expect(opened.documents).toHaveLength(1);
    expect(opened.manifest.mailboxAddress).toBe(name === 'digital' ? '0000487204' : undefined);
  });

  it.each(['digital', 'utskrift'])(
    "%s: the message's signature holds for its time, and its digest is that of the package",
    (name) => {
      const chain = verifyContainer(file(`${name}-dokumentpakke.zip`)).signer as X509Certificate[];
      const jwt = file(`${name}-forretningsmelding.jwt`).toString().trim();
      const verified = verifySbd(jwt, { trust: chain.slice(1) });
      expect(verified).toMatchObject({ type: name, organisation: '991825827' });
      expect(verified.sbd).toEqual(JSON.parse(file(`${name}-forretningsmelding.json`).toString()));
      const body = verified.sbd.standardBusinessDocument[name as DpiType] as {
        dokumentpakkefingeravtrykk: { digestValue: string };
      };
      expect(body.dokumentpakkefingeravtrykk.digestValue).toBe(packageDigest(file(`${name}-dokumentpakke.cms`)));
    },
  );

  it('has expired certificates by now, and says so', () => {
    const chain = verifyContainer(file('digital-dokumentpakke.zip')).signer as X509Certificate[];
    expect(() =>
      verifySbd(file('digital-forretningsmelding.jwt').toString().trim(), {
        trust: chain.slice(1),
        at: new Date('2030-01-01'),
      }),
    ).toThrow('certificate-expired');
  });

  it('does not open with another key, nor when cut short', () => {
    expect(() => decryptCms(file('digital-dokumentpakke.cms').subarray(0, 5_000), key())).toThrow('not-a-package');
  });
});

const accepts = (message: unknown): boolean => {
  try {
    checkSbd(message);
    return true;
  } catch (error) {
    if (error instanceof PackageError) return false;
    throw error;
  }
};

describeWithShared('vectors/dpi/schemas', 'the published schemas', () => {
  const folder = 'vectors/dpi/schemas';
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  const schemas = readdirSync(sharedFile(folder)).map((name) => ({
    name,
    schema: JSON.parse(readFileSync(sharedFile(`${folder}/${name}`), 'utf8')) as { $id: string },
  }));
  for (const { name, schema } of schemas) if (!name.startsWith('dpi-innbyggerpost')) ajv.addSchema(schema);
  const validate = (type: DpiType, value: unknown): unknown => {
    const schema = schemas.find(({ name }) => name === `dpi-innbyggerpost_dpi_${type}_1_0.schema.json`)
      ?.schema as object;
    const check = ajv.getSchema((schema as { $id: string }).$id) ?? ajv.compile(schema);
    return check(value) ? 'valid' : check.errors;
  };
  const head = {
    technicalSender: '991825827',
    receiver: '984661185',
    messageId: '4c96fb25-54b0-4560-a954-afdeed10077b',
    conversationId: 'b63b72a3-ec7a-4d70-94f1-699ef899864f',
    createdAt: new Date('2026-01-02T03:04:05Z'),
  };
  const letter = { sender: '991825827', packageDigest: 'AAAA', maskinportenToken: 'a.b.c' };
  const home = { name: 'Kari', lines: ['Gata 1'], postalCode: '0001', city: 'Oslo' };
  const print = {
    ...letter,
    colour: false,
    postClass: 'B' as const,
    returnAddress: home,
    returnHandling: 'DIREKTE_RETUR' as const,
  };

  const ourMessages = (): [DpiType, unknown][] => [
    [
      'digital',
      digitalSbd(head, {
        ...letter,
        mailboxAddress: 'x',
        securityLevel: 4,
        nonSensitiveTitle: 'T',
        language: 'nb',
        openingReceipt: true,
        effectiveAt: new Date(),
        notice: {
          email: { address: 'a@example.com', text: 'x' },
          sms: { number: '+4799999999', text: 'x' },
          repetitions: [0, 7],
        },
      }),
    ],
    [
      'digital',
      digitalSbd(head, {
        ...letter,
        senderUnit: 'u',
        invoiceReference: 'i',
        mailboxAddress: 'x',
        securityLevel: 3,
        nonSensitiveTitle: 'T',
        language: 'nb',
        openingReceipt: false,
      }),
    ],
    ['utskrift', printSbd(head, { ...print, address: home })],
    [
      'utskrift',
      printSbd(head, {
        ...print,
        address: {
          name: 'Jo',
          lines: ['Rue 1', '2', '3', '4'],
          postalCode: '75001',
          city: 'Paris',
          countryCode: 'FR',
        },
      }),
    ],
    ...(['leveringskvittering', 'aapningskvittering', 'mottakskvittering', 'returpostkvittering'] as const).map(
      (kind): [DpiType, unknown] => [kind, receiptSbd(head, { kind, process: 'digital', at: new Date() })],
    ),
    [
      'varslingfeiletkvittering',
      receiptSbd(head, {
        kind: 'varslingfeiletkvittering',
        process: 'digital',
        at: new Date(),
        extra: { varslingskanal: 'sms' },
      }),
    ],
    [
      'feil',
      receiptSbd(head, {
        kind: 'feil',
        process: 'utskrift',
        at: new Date(),
        extra: { feiltype: 'KLIENT', detaljer: 'x' },
      }),
    ],
  ];

  it('accept the messages we write, and so does our own check', () => {
    for (const [type, message] of ourMessages()) {
      expect({ type, result: validate(type, message) }).toEqual({ type, result: 'valid' });
      expect(checkSbd(message).type).toBe(type);
    }
  });

  it('refuse every spoilt message that our own check accepts, and nearly none that it refuses', () => {
    const values = [
      null,
      0,
      1,
      3,
      4.5,
      26,
      true,
      [],
      [0],
      ['a'],
      {},
      '',
      'x',
      'ab',
      'abc',
      '😀',
      '😀😀',
      '12345678',
      'NO',
      '0001',
      ...[41, 81, 101, 161, 256, 501].map((length) => 'x'.repeat(length)),
      'SMS',
      'sms',
      'a@b',
      'æ@b.no',
      'a..b@c.no',
      '2026-01-02',
      '2026-13-02',
      '2026-02-30T03:04:05Z',
      '2026-01-02T25:04:05Z',
      '2026-01-02T03:04:05',
      head.messageId,
      '0192:991825827',
      '0192:',
    ];
    const disagreements = new Set<string>();
    for (const [type, message] of ourMessages()) {
      const compare = (
        path: readonly string[],
        change: (parent: Record<string, unknown>, key: string) => void,
      ): void => {
        const copy: unknown = structuredClone(message);
        const parent = path.slice(0, -1).reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], copy);
        change(parent as Record<string, unknown>, path.at(-1) as string);
        const theirs = validate(type, copy) === 'valid';
        const ours = accepts(copy);
        if (ours !== theirs)
          disagreements.add(`${ours ? 'laxer' : 'stricter'} ${path.slice(path[1] === type ? 2 : 1).join('/')}`);
      };
      const walk = (node: unknown, path: readonly string[]): void => {
        for (const [key, value] of Object.entries(node as object)) {
          const at = [...path, key];
          compare(
            at,
            (parent, last) => void (Array.isArray(parent) ? parent.splice(Number(last), 1) : delete parent[last]),
          );
          for (const other of values) compare(at, (parent, last) => void (parent[last] = other));
          if (typeof value === 'object' && value !== null) {
            if (!Array.isArray(value)) compare([...at, 'ukjent'], (parent, last) => void (parent[last] = 'x'));
            walk(value, at);
          }
        }
      };
      walk(message, []);
    }
    expect([...disagreements].filter((line) => line.startsWith('laxer'))).toEqual([]);
    // there is nothing in an empty text, no kind of message that nobody defined, and no receipt without its conversation
    const header = 'stricter standardBusinessDocumentHeader';
    expect([...disagreements].sort()).toEqual([
      'stricter mottaker/postkasseadresse',
      `${header}/businessScope/scope`,
      `${header}/businessScope/scope/0`,
      `${header}/businessScope/scope/0/instanceIdentifier`,
      `${header}/businessScope/scope/0/type`,
      `${header}/documentIdentification/standard`,
      `${header}/documentIdentification/type`,
      `${header}/documentIdentification/typeVersion`,
      `${header}/headerVersion`,
      `${header}/receiver/0/identifier/authority`,
      `${header}/receiver/0/identifier/value`,
      `${header}/sender/0/identifier/authority`,
      `${header}/sender/0/identifier/value`,
      'stricter varsler',
    ]);
  });

  it('and our own check agree on the published complete samples', () => {
    for (const name of [
      'innbyggerpost_dpi_digital_1_0.json',
      'innbyggerpost_dpi_utskrift_1_0.json',
      'lerveringskvittering_budnad_sample.json',
    ]) {
      const sample: unknown = JSON.parse(readFileSync(sharedFile(`vectors/dpi/samples/${name}`), 'utf8'));
      const type = (
        sample as {
          standardBusinessDocument: { standardBusinessDocumentHeader: { documentIdentification: { type: DpiType } } };
        }
      ).standardBusinessDocument.standardBusinessDocumentHeader.documentIdentification.type;
      const ours = (): string => checkSbd(sample).type;
      if (validate(type, sample) === 'valid') expect(ours()).toBe(type);
      else expect(ours).toThrow('message-invalid');
    }
  });

  it.each<[string, (sbd: { standardBusinessDocument: { digital: Record<string, unknown> } }) => void]>([
    ['an unknown field', (sbd) => void (sbd.standardBusinessDocument.digital['personidentifikator'] = 'x')],
    ['security level 2', (sbd) => void (sbd.standardBusinessDocument.digital['sikkerhetsnivaa'] = 2)],
    ['no mailbox address', (sbd) => void (sbd.standardBusinessDocument.digital['mottaker'] = {})],
    [
      'a title of 256 characters',
      (sbd) => void (sbd.standardBusinessDocument.digital['ikkesensitivtittel'] = 'x'.repeat(256)),
    ],
    ['a language of three letters', (sbd) => void (sbd.standardBusinessDocument.digital['spraak'] = 'nob')],
  ])('and our own check both refuse %s', (_name, spoil) => {
    const message = JSON.parse(
      JSON.stringify(
        digitalSbd(head, {
          ...letter,
          mailboxAddress: 'x',
          securityLevel: 4,
          nonSensitiveTitle: 'T',
          language: 'nb',
          openingReceipt: false,
        }),
      ),
    ) as { standardBusinessDocument: { digital: Record<string, unknown> } };
    spoil(message);
    expect(validate('digital', message)).not.toBe('valid');
    expect(() => checkSbd(message)).toThrow('message-invalid');
  });
});

describe('a message that is none', () => {
  it.each(['', 'a.b', 'a.b.c', '....', `${'x'.repeat(300_000)}.a.a`])('is refused: %#', (text) => {
    expect(() => readSbd(text)).toThrow(/not-a-package|too-large/);
  });
});
