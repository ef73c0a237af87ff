import { INGRESS_KEY_ID } from '@postgang/integration-point';
import type { LocalAgency } from '@postgang/launch';
import { KeyRing } from '@postgang/outside';
import { encode, letterIdOf, topicName, type LetterSubmitted } from '@postgang/pipeline';
import { WIRE_KIND, type LegalKind } from '@postgang/rules';
import { randomUUID } from 'node:crypto';

/** An agency's own system, as small as it can be: both doors. */
export interface DemoLetter {
  readonly reference: string;
  readonly nationalId: string;
  readonly kind: LegalKind;
  readonly openingReceipt: boolean;
  readonly serviceMessage: boolean;
  readonly returnHandling: 'RETURN' | 'SHRED_WITH_MESSAGE';
  readonly documents: readonly { readonly title: string; readonly content: Buffer }[];
}

const TITLE = 'Brev om saken din';
const RETURN_ADDRESS = { name: 'Testetaten', lines: ['Postboks 1'], postalCode: '0001', city: 'Oslo' };

export class Agency {
  constructor(
    private readonly api: string,
    private readonly access: LocalAgency,
  ) {}

  /** Base64; empty for an agency without topics of its own. */
  get ingressKey(): string {
    return this.access.ingressKey ?? '';
  }

  token(): Promise<string> {
    return this.access.token();
  }

  /** `POST /v1/letters`, multipart. Returns the letter id. */
  async handInByRest(letter: DemoLetter): Promise<string> {
    const form = new FormData();
    const documents = letter.documents.map(({ title }, index) => ({
      title,
      type: 'application/pdf',
      file: `file${index}`,
    }));
    form.set('letter', new Blob([JSON.stringify({ ...fieldsOf(letter), documents })], { type: 'application/json' }));
    letter.documents.forEach(({ title, content }, index) =>
      form.set(`file${index}`, new Blob([new Uint8Array(content)], { type: 'application/pdf' }), `${title}.pdf`),
    );
    const answer = await this.call('/v1/letters', { method: 'POST', body: form });
    return ((await answer.json()) as { letterId: string }).letterId;
  }

  /** Uploads the documents, then makes the record for the agency's own topic. */
  async recordForKafka(letter: DemoLetter): Promise<{ topic: string; key: string; value: Buffer }> {
    const documentIds: string[] = [];
    for (const { content } of letter.documents) {
      const id = randomUUID();
      await this.call(`/v1/documents/${id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/pdf' },
        body: new Uint8Array(content),
      });
      documentIds.push(id);
    }
    const letterId = letterIdOf(this.access.orgnr, letter.reference);
    const scope = `agency:${this.access.orgnr}`;
    const keys = new KeyRing(new Map());
    keys.add(scope, INGRESS_KEY_ID, new Map([[INGRESS_KEY_ID, Buffer.from(this.ingressKey, 'base64')]]));
    const seal = (field: string, value: string): Buffer => keys.seal(scope, letterId, field, value);
    const event: LetterSubmitted = {
      reference: letter.reference,
      kind: WIRE_KIND[letter.kind],
      recipient: seal('recipient', letter.nationalId),
      title: seal('title', TITLE),
      nonSensitiveTitle: seal('nonSensitiveTitle', TITLE),
      language: 'nb',
      securityLevel: 4,
      documents: letter.documents.map(({ title }, index) => ({
        title: seal(`document.${index}.title`, title),
        documentId: documentIds[index] as string,
      })),
      print: {
        colour: 'BLACK_WHITE',
        postClass: 'B',
        returnAddress: { ...RETURN_ADDRESS, lines: [...RETURN_ADDRESS.lines], countryCode: null },
        returnHandling: letter.returnHandling,
      },
      notice: letter.serviceMessage ? { emailText: null, smsText: null, serviceMessage: true } : null,
      openingReceipt: letter.openingReceipt,
      effectiveAt: null,
      avsenderidentifikator: null,
      invoiceReference: null,
      caseReference: null,
    };
    return {
      topic: topicName('letter.submitted.v1.<orgnr>', this.access.orgnr),
      key: letterId,
      value: encode('letter.submitted.v1', event),
    };
  }

  /** Undefined while nobody knows the letter. */
  async status(letterId: string): Promise<{ status: string; reason?: string | null } | undefined> {
    const answer = await fetch(`${this.api}/v1/letters/${letterId}`, {
      headers: { authorization: `Bearer ${await this.access.token()}` },
    });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`GET /v1/letters: ${answer.status}`);
    return (await answer.json()) as { status: string; reason?: string | null };
  }

  private async call(path: string, init: RequestInit): Promise<Response> {
    const answer = await fetch(this.api + path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${await this.access.token()}` },
    });
    if (!answer.ok)
      throw new Error(
        `${init.method} ${path.split('/').slice(0, 3).join('/')}: ${answer.status} ${await answer.text()}`,
      );
    return answer;
  }
}

function fieldsOf(letter: DemoLetter): Record<string, unknown> {
  return {
    reference: letter.reference,
    recipient: letter.nationalId,
    kind: letter.kind,
    title: TITLE,
    nonSensitiveTitle: TITLE,
    language: 'nb',
    securityLevel: 4,
    print: { colour: false, postClass: 'B', returnAddress: RETURN_ADDRESS, returnHandling: letter.returnHandling },
    openingReceipt: letter.openingReceipt,
    ...(letter.serviceMessage ? { notice: { serviceMessage: true } } : {}),
  };
}
