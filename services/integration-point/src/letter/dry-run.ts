import { Inject, Injectable } from '@nestjs/common';
import { DependencyDown, HttpClient, HttpUnreachable } from '@postgang/outside';
import { WIRE_KIND } from '@postgang/rules';
import { CONFIG, RUNTIME, type Runtime } from '@postgang/runtime';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { IntegrationPointConfig } from '../config.js';
import type { HeldDocument } from './content-hash.js';
import type { LetterInput } from './letter-schema.js';

const answer = z.union([
  z.strictObject({ channel: z.enum(['digital-mailbox', 'print']), provider: z.string(), rule: z.string() }),
  z.strictObject({ refused: z.string() }),
]);
export type WayAnswer = z.infer<typeof answer>;

/** Asks register-lookup how a letter would go. It holds the access to the registers; this service, open to the world, does not. */
@Injectable()
export class DryRun {
  private readonly http: HttpClient | undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) { REGISTER_LOOKUP_URL: baseUrl }: IntegrationPointConfig,
  ) {
    if (baseUrl !== undefined)
      this.http = new HttpClient({ name: 'register-lookup', baseUrl, timeoutMs: 20_000, concurrency: 16 });
  }

  /** Throws DependencyDown. */
  async wayOf(sender: string, letter: LetterInput, documents: readonly HeldDocument[]): Promise<WayAnswer> {
    if (this.http === undefined) throw new DependencyDown('register-lookup');
    const id = randomUUID();
    const question = JSON.stringify({
      sender,
      nationalId: letter.recipient,
      kind: WIRE_KIND[letter.kind],
      hasPrintOptions: letter.print !== undefined,
      onlyPdf: documents.every(({ mediaType }) => mediaType === 'application/pdf'),
      askedAt: Date.now(),
    });
    try {
      const told = await this.http.request({
        method: 'POST',
        path: '/internal/ways',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          id,
          question: this.runtime.keys.seal('internal', id, 'way', question).toString('base64'),
        }),
      });
      if (told.status !== 200)
        throw new DependencyDown('register-lookup', { cause: new Error(`status ${told.status}`) });
      return answer.parse(told.json());
    } catch (error) {
      if (error instanceof HttpUnreachable || error instanceof SyntaxError || error instanceof z.ZodError)
        throw new DependencyDown('register-lookup', { cause: error });
      throw error;
    }
  }
}
