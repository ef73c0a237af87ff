import { Controller, Inject, Param, Put, Req, HttpCode } from '@nestjs/common';
import { isUuid } from '@postgang/pipeline';
import type { FastifyRequest } from 'fastify';
import { Uploads } from '../documents/uploads.js';
import { MEDIA_TYPES } from '../letter/letter-schema.js';
import { Authentication } from './authentication.js';
import { watchBody } from './body-limit.js';
import { Problem } from './problem.js';

@Controller('v1/documents')
export class DocumentsController {
  constructor(
    @Inject(Authentication) private readonly authentication: Authentication,
    @Inject(Uploads) private readonly uploads: Uploads,
  ) {}

  /** For letters handed in as JSON or over Kafka. The same content under the same id again is harmless. */
  @Put(':id')
  @HttpCode(201)
  async upload(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    const { sender } = await this.authentication.caller(request, 'postgang:letters.write');
    if (!isUuid(id)) throw new Problem('invalid-request', 'The document id must be a UUID.');
    const declared = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
    const type = MEDIA_TYPES.find((known) => known === declared);
    if (type === undefined) throw new Problem('unsupported-media-type');
    const watch = watchBody(request);
    const taking = this.uploads.take(request.raw);
    const taken = await Promise.race([taking, watch.overrun])
      .catch((error: unknown) => {
        // cut off at the very end it may be stored all the same
        void taking.then(
          (document) => this.uploads.discard(document),
          () => undefined,
        );
        throw error;
      })
      .finally(() => watch.stop());
    const { stored, mediaType } = taken;
    if (mediaType !== type) {
      await this.uploads.discard(taken);
      throw new Problem('unsupported-media-type');
    }
    if (!(await this.uploads.register(sender, id.toLowerCase(), { ...stored, mediaType })))
      throw new Problem('document-id-reused');
    return { documentId: id.toLowerCase(), type, size: stored.size, sha256: stored.sha256.toString('hex') };
  }
}
