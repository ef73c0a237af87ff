import { letterIdOf } from '@postgang/pipeline';
import { Pool } from 'undici';
import { documentOf, recipientOf, senderOf } from './letters.js';
import type { Observer } from './observer.js';
import type { Tokens } from './tokens.js';

export interface LoadTarget {
  readonly api: string;
  readonly tokens: Tokens;
  readonly senders: readonly string[];
  readonly observer: Observer;
  readonly documentBytes: number;
  readonly requestsAtOnce: number;
}

const BOUNDARY = 'postgang-bench-boundary';
const KINDS = ['enkeltvedtak', 'information', 'forhåndsvarsel'] as const;
const RETURN_ADDRESS = { name: 'Testetaten', lines: ['Postboks 1'], postalCode: '0001', city: 'Oslo' };

/** Hands letters in over REST (`POST /v1/letters`, multipart), each with its own reference, recipient and document. */
export class Load {
  private readonly pool: Pool;
  private readonly document: (reference: string) => Buffer;
  private next = 0;

  constructor(private readonly target: LoadTarget) {
    this.pool = new Pool(target.api, { connections: target.requestsAtOnce, pipelining: 1, bodyTimeout: 60_000 });
    this.document = documentOf(target.documentBytes);
  }

  /** As fast as answers come. */
  async all(letters: number): Promise<void> {
    const last = this.next + letters;
    await Promise.all(
      Array.from({ length: this.target.requestsAtOnce }, async () => {
        while (this.next < last) await this.handIn(this.next++, performance.now());
      }),
    );
  }

  /** So many a second, whether answers come or not: a letter's time counts from when it was due, not from when we got round to it. */
  async steady(perSecond: number, seconds: number): Promise<number> {
    const letters = Math.round(perSecond * seconds);
    const began = performance.now();
    const open: Promise<void>[] = [];
    for (let sent = 0; sent < letters;) {
      const due = Math.min(letters, Math.floor(((performance.now() - began) / 1_000) * perSecond) + 1);
      for (; sent < due; sent++) open.push(this.handIn(this.next++, began + (sent / perSecond) * 1_000));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(open);
    return letters;
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private async handIn(index: number, submittedAt: number): Promise<void> {
    const { tokens, senders, observer } = this.target;
    const sender = senderOf(index, senders);
    const reference = `bench-${process.pid}-${index}`;
    observer.submitted(letterIdOf(sender, reference), submittedAt);
    const answer = await this.pool.request({
      method: 'POST',
      path: '/v1/letters',
      headers: {
        authorization: `Bearer ${await tokens.of(sender)}`,
        'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      },
      body: body(reference, recipientOf(index), KINDS[index % KINDS.length] as string, this.document(reference)),
    });
    if (answer.statusCode !== 202)
      throw new Error(`POST /v1/letters: ${answer.statusCode} ${await answer.body.text()}`);
    await answer.body.dump();
  }
}

function body(reference: string, recipient: string, kind: string, document: Buffer): Buffer {
  const letter = {
    reference,
    recipient,
    kind,
    title: 'Brev om saken din',
    nonSensitiveTitle: 'Brev fra Testetaten',
    language: 'nb',
    securityLevel: 4,
    documents: [{ title: 'Brev', type: 'application/pdf', file: 'file0' }],
    print: { colour: false, postClass: 'B', returnAddress: RETURN_ADDRESS, returnHandling: 'RETURN' },
  };
  return Buffer.concat([
    Buffer.from(
      `--${BOUNDARY}\r\ncontent-disposition: form-data; name="letter"\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(letter)}\r\n` +
        `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file0"; filename="brev.pdf"\r\ncontent-type: application/pdf\r\n\r\n`,
    ),
    document,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
}
