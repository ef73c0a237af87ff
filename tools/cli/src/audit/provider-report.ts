import { isUuid } from '@postgang/pipeline';
import type { Readable } from 'node:stream';
import { UsageError } from '../package-input.js';
import { PROVIDER_STATUSES, type ProviderStatus } from './books.js';
import type { ReportLine } from './open-books.js';
import { instantOf } from './period.js';
import { openText, rowsOf } from './read-lines.js';

const WHAT = '--provider-report';
/** A JSON document is read whole. */
const LARGEST_JSON = 64 * 1024 * 1024;

/**
 * What a provider says it has, one line per message: `message_id,time,status` and, where it has it, `conversation_id`; as CSV, or as one JSON
 * document `{"messages": [{"messageId", "time", "status", "conversationId"?}]}`. Throws UsageError, which names the line and nothing in it.
 */
export async function* providerReport(source: string): AsyncGenerator<ReportLine> {
  const text = await openText(source, WHAT);
  const [first, all] = await peek(text);
  if (first === '{' || first === '[') yield* inJson(await whole(all));
  else
    for await (const { line, get } of rowsOf(all, WHAT, ['message_id', 'time', 'status']))
      yield lineOf(get('message_id'), get('time'), get('status'), get('conversation_id'), `line ${line}`);
}

/** The first character that is none of white space, and the whole text. */
async function peek(text: Readable): Promise<[string, AsyncIterable<string>]> {
  const chunks = text.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<string>;
  let begun = '';
  while (begun.trim() === '') {
    const next = await chunks.next();
    if (next.done === true) break;
    begun += next.value;
    if (begun.length > LARGEST_JSON) throw new UsageError(`${WHAT}: it begins with nothing but white space`);
  }
  async function* all(): AsyncGenerator<string> {
    yield begun;
    yield* chunks;
  }
  return [
    begun
      .trim()
      .replace(/^\uFEFF/, '')
      .charAt(0),
    all(),
  ];
}

async function whole(text: AsyncIterable<string>): Promise<string> {
  const chunks: string[] = [];
  let size = 0;
  for await (const chunk of text) {
    size += chunk.length;
    if (size > LARGEST_JSON)
      throw new UsageError(`${WHAT}: a JSON document above ${LARGEST_JSON / 1024 / 1024} MB; use CSV`);
    chunks.push(chunk);
  }
  return chunks.join('');
}

function* inJson(text: string): Generator<ReportLine> {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // the parser's own words quote the text
    throw new UsageError(`${WHAT}: neither JSON nor CSV`);
  }
  const messages: unknown = Array.isArray(document) ? document : (document as { messages?: unknown }).messages;
  if (!Array.isArray(messages)) throw new UsageError(`${WHAT}: no list of messages in it`);
  for (const [index, message] of messages.entries()) {
    const { messageId, time, status, conversationId } = (message ?? {}) as Record<string, unknown>;
    yield lineOf(messageId, time, status, conversationId, `message ${index + 1}`);
  }
}

function lineOf(
  messageId: unknown,
  time: unknown,
  status: unknown,
  conversationId: unknown,
  where: string,
): ReportLine {
  if (typeof messageId !== 'string' || !isUuid(messageId))
    throw new UsageError(`${WHAT}: ${where} has no message id (a UUID)`);
  const known =
    conversationId === undefined || conversationId === null || conversationId === '' ? null : conversationId;
  if (known !== null && (typeof known !== 'string' || !isUuid(known)))
    throw new UsageError(`${WHAT}: ${where} has a conversation id that is no UUID`);
  const at = typeof time === 'string' ? instantOf(time) : undefined;
  if (at === undefined)
    throw new UsageError(`${WHAT}: ${where} has no time with its offset (ISO 8601: 2026-11-24T08:00:00Z or …+01:00)`);
  if (!isStatus(status))
    throw new UsageError(`${WHAT}: the status of ${where} is none of ${PROVIDER_STATUSES.join(', ')}`);
  return { messageId: messageId.toLowerCase(), conversationId: known?.toLowerCase() ?? null, at, status };
}

const isStatus = (status: unknown): status is ProviderStatus =>
  (PROVIDER_STATUSES as readonly unknown[]).includes(status);
