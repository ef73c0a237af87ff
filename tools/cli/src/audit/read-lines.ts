import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { request } from 'undici';
import { causeOf, UsageError } from '../package-input.js';

const ANSWER_MS = 30_000;
/** Longer lines are no line of a table that we know. */
const LONGEST_LINE = 10_000;
const MOST_LINES = 20_000_000;

/** A file, or an http(s) address that is asked once; `what` names it in messages. Throws UsageError. */
export async function openText(source: string, what: string): Promise<Readable> {
  if (!/^https?:\/\//i.test(source)) {
    try {
      if (statSync(source).isFile()) return createReadStream(source, { encoding: 'utf8' });
    } catch (error) {
      throw new UsageError(`${what} ${source}: ${causeOf(error)}`, { cause: error });
    }
    throw new UsageError(`${what} ${source}: not a file`);
  }
  // an address may carry a password or a key: messages name its host only
  let host = '';
  try {
    host = new URL(source).host;
    const { statusCode, body } = await request(source, { headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS });
    if (statusCode === 200) return body.setEncoding('utf8');
    await body.dump();
    throw new UsageError(`${what} at ${host}: answered ${statusCode}`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${what} at ${host}: ${(error as { code?: string }).code ?? 'no answer'}`, { cause: error });
  }
}

/** Line by line, however long the whole is. Throws UsageError for a line that no table has. */
export async function* linesOf(text: AsyncIterable<string>, what: string): AsyncGenerator<string> {
  let rest = '';
  let count = 0;
  const checked = (line: string): string => {
    count += 1;
    if (count > MOST_LINES) throw new UsageError(`${what}: more than ${MOST_LINES} lines`);
    if (line.length > LONGEST_LINE)
      throw new UsageError(`${what}: line ${count} is longer than ${LONGEST_LINE} characters`);
    // no database holds one as text, and UTF-16 is full of them
    if (line.includes('\0'))
      throw new UsageError(`${what}: line ${count} holds a NUL character; text in UTF-8 is wanted`);
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  };
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) yield checked(line);
    if (rest.length > LONGEST_LINE) checked(rest);
  }
  if (rest !== '') yield checked(rest);
}

/** Fields of a line of CSV (RFC 4180) without line breaks in them; undefined when its quotes do not match. */
export function fieldsOf(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',').map((field) => field.trim());
  const fields: string[] = [];
  const expression = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/y;
  for (;;) {
    const match = expression.exec(line);
    if (match === null) return undefined;
    fields.push(match[1] === undefined ? (match[2] as string).trim() : match[1].replaceAll('""', '"'));
    if (match[3] === '') return expression.lastIndex === line.length ? fields : undefined;
  }
}

/** Rows of a table by the names in its first line. Throws UsageError, which names the line and nothing that stands in it. */
export async function* rowsOf(
  text: AsyncIterable<string>,
  what: string,
  required: readonly string[],
): AsyncGenerator<{ readonly line: number; readonly get: (column: string) => string | undefined }> {
  let columns: readonly string[] | undefined;
  let line = 0;
  for await (const one of linesOf(text, what)) {
    line += 1;
    if (one.trim() === '') continue;
    const fields = fieldsOf(one);
    if (fields === undefined) throw new UsageError(`${what}: the quotes of line ${line} do not match`);
    if (columns === undefined) {
      columns = fields.map((name) => name.replace(/^\uFEFF/, '').toLowerCase());
      const missing = required.filter((name) => columns?.includes(name) !== true);
      if (missing.length > 0)
        throw new UsageError(`${what}: the first line does not name the column(s) ${missing.join(', ')}`);
      continue;
    }
    if (fields.length !== columns.length)
      throw new UsageError(`${what}: line ${line} has not as many fields as the first`);
    const named = columns;
    yield { line, get: (column) => fields[named.indexOf(column)] };
  }
  if (columns === undefined)
    throw new UsageError(`${what}: it is empty; a first line with the columns' names is wanted`);
}
