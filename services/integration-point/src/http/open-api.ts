import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { whySchema } from '../why/why.js';
import { letterSchema, MEDIA_TYPES } from '../letter/letter-schema.js';
import { PROBLEMS } from './problem.js';

const json = (schema: object): object => ({ 'application/json': { schema } });
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const answers = (ok: Record<string, object>): object => ({
  ...ok,
  default: { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: ref('Problem') } } },
});
const found = (description: string, schema: object): object =>
  answers({ '200': { description, content: json(schema) } });
const letterId = { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } };
const needs = (scope: string): object[] => [{ maskinporten: [`postgang:letters.${scope}`] }];

const LETTER_STATUS = {
  type: 'object',
  required: ['letterId', 'reference', 'status', 'href'],
  properties: {
    letterId: { type: 'string', format: 'uuid' },
    reference: { type: 'string' },
    status: {
      type: 'string',
      description: 'ACCEPTED, ROUTED, SEALED, HANDED_OVER, DELIVERED, OPENED, … new ones may be added',
    },
    seq: { type: 'integer', description: 'grows with every change' },
    leg: { type: ['integer', 'null'] },
    channel: { type: ['string', 'null'] },
    provider: { type: ['string', 'null'] },
    reason: { type: ['string', 'null'] },
    detail: { type: ['string', 'null'] },
    acceptedAt: { type: 'string', format: 'date-time' },
    href: { type: 'string' },
  },
};

const DRY_RUN = {
  type: 'object',
  required: ['dryRun', 'letterId', 'alreadyHandedIn', 'way'],
  properties: {
    dryRun: { const: true },
    letterId: { type: 'string', format: 'uuid', description: 'the id the letter would get' },
    alreadyHandedIn: { type: 'boolean', description: 'the same letter has been accepted before' },
    way: {
      oneOf: [
        {
          type: 'object',
          required: ['channel', 'provider', 'rule'],
          properties: {
            channel: { enum: ['digital-mailbox', 'print'] },
            provider: { type: 'string' },
            rule: { type: 'string', description: 'the rule that chose' },
          },
        },
        {
          type: 'object',
          required: ['refused'],
          properties: { refused: { type: 'string', description: 'the reason it would be refused with' } },
        },
      ],
    },
  },
};

const HISTORY_ENTRY = {
  type: 'object',
  required: ['seq', 'at', 'kind', 'leg', 'eventId', 'data', 'hash'],
  properties: {
    seq: { type: 'integer', description: '1, 2, 3, …' },
    at: { type: 'string', format: 'date-time' },
    kind: { type: 'string', description: 'accepted, routed, sealed, handed-over, delivered, … new ones may be added' },
    leg: {
      type: ['integer', 'null'],
      description: 'which attempt to reach the recipient; null: the letter as a whole',
    },
    eventId: { type: 'string' },
    data: { type: 'string', contentMediaType: 'application/json', description: 'JSON text, exactly as hashed' },
    hash: {
      type: 'string',
      description:
        'hexadecimal: SHA-256 of the hash before (before the first: SHA-256 of the letter id as text), followed by [seq, at, kind, leg, eventId, base64 of data] as JSON',
    },
  },
};

const RECEIPT = {
  type: 'object',
  required: ['leg', 'provider', 'kind', 'raw', 'certificates', 'receivedAt'],
  properties: {
    leg: { type: 'integer' },
    provider: { type: 'string' },
    kind: { type: 'string' },
    raw: { type: 'string', description: 'the signed original' },
    certificates: { type: 'string', description: 'PEM: the chain it was verified with' },
    receivedAt: { type: 'string', format: 'date-time' },
  },
};

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status'],
  properties: {
    type: { type: 'string', enum: Object.keys(PROBLEMS).map((name) => `https://postgang.no/problems/${name}`) },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { type: 'string', description: 'RFC 6901' }, detail: { type: 'string' } },
      },
    },
  },
};

/** OpenAPI 3.1, made from the schemas that check the requests. */
export function openApi(): object {
  const listOf = (name: string, items: string): object => ({
    type: 'object',
    required: ['letterId', name],
    properties: { letterId: { type: 'string', format: 'uuid' }, [name]: { type: 'array', items: ref(items) } },
  });
  const { $schema: __, ...why } = z.toJSONSchema(whySchema, { target: 'draft-2020-12' });
  const { $schema: _, ...letter } = z.toJSONSchema(letterSchema, { target: 'draft-2020-12', io: 'input' });
  return {
    openapi: '3.1.0',
    info: { title: 'Postgang', version: '1', description: 'Hand in letters and follow them.' },
    paths: {
      '/v1/letters': {
        post: {
          operationId: 'handInLetter',
          summary: 'Hand in a letter; the same reference with the same content is the same letter',
          security: needs('write'),
          parameters: [
            {
              name: 'dryRun',
              in: 'query',
              description: 'true: the same checks, and how the letter would go; nothing is kept',
              schema: { type: 'boolean', default: false },
            },
          ],
          requestBody: {
            required: true,
            content: {
              'multipart/form-data': {
                schema: {
                  type: 'object',
                  required: ['letter'],
                  properties: { letter: ref('Letter') },
                  additionalProperties: { type: 'string', contentMediaType: 'application/octet-stream' },
                },
                encoding: { letter: { contentType: 'application/json' } },
              },
              ...json(ref('Letter')),
            },
          },
          responses: answers({
            '200': { description: 'Dry run', content: json(ref('DryRun')) },
            '202': { description: 'Accepted and durable', content: json(ref('Accepted')) },
          }),
        },
        get: {
          operationId: 'findLetters',
          security: needs('read'),
          parameters: [{ name: 'reference', in: 'query', required: true, schema: { type: 'string', maxLength: 100 } }],
          responses: found('None or one', {
            type: 'object',
            properties: { letters: { type: 'array', items: ref('LetterStatus') } },
          }),
        },
      },
      '/v1/letters/{id}': {
        get: {
          operationId: 'getLetter',
          security: needs('read'),
          parameters: [letterId],
          responses: found('The letter', ref('LetterStatus')),
        },
      },
      '/v1/letters/{id}/history': {
        get: {
          operationId: 'getHistory',
          security: needs('read'),
          parameters: [letterId],
          responses: found('All that happened', listOf('history', 'HistoryEntry')),
        },
      },
      '/v1/letters/{id}/receipts': {
        get: {
          operationId: 'getReceipts',
          security: needs('read'),
          parameters: [letterId],
          responses: found('Signed receipts', listOf('receipts', 'Receipt')),
        },
      },
      '/v1/letters/{id}/why': {
        get: {
          operationId: 'getWhy',
          summary: 'Why the letter is where it is: what must happen next, who owes it, by when, and the cause',
          security: needs('read'),
          parameters: [letterId],
          responses: found('The cause', ref('Why')),
        },
      },
      '/v1/documents/{id}': {
        put: {
          operationId: 'uploadDocument',
          security: needs('write'),
          parameters: [letterId],
          requestBody: { required: true, content: Object.fromEntries(MEDIA_TYPES.map((type) => [type, {}])) },
          responses: answers({ '201': { description: 'Stored', content: json({ type: 'object' }) } }),
        },
      },
    },
    components: {
      schemas: {
        Letter: letter,
        LetterStatus: LETTER_STATUS,
        HistoryEntry: HISTORY_ENTRY,
        Receipt: RECEIPT,
        Accepted: {
          type: 'object',
          required: ['letterId', 'status', 'href'],
          properties: {
            letterId: { type: 'string', format: 'uuid' },
            status: { const: 'ACCEPTED' },
            href: { type: 'string' },
          },
        },
        DryRun: DRY_RUN,
        Why: why,
        Problem: PROBLEM,
      },
      securitySchemes: { maskinporten: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

@Controller()
export class OpenApiController {
  @Get('openapi.json')
  document(): object {
    return openApi();
  }
}
