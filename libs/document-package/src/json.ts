import { PackageError } from './errors.js';

/** JSON from outside is signed as text but acted on as a value: what two parsers could understand differently is refused (RFC 8259 §4). */
const MAX_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Throws PackageError: not-a-package for what is no JSON object or has a field twice, too-large for deep nesting. */
export function parseJsonObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // without the cause: V8's message quotes the text
    throw new PackageError('not-a-package', `${where} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PackageError('not-a-package', `${where} is not a JSON object`);
  // JSON.parse keeps the last of equal names silently, other parsers the first: then the text has more fields than the value
  if (fieldsWritten(text, where) !== fieldsIn(value))
    throw new PackageError('not-a-package', `${where} has a field twice`);
  return value as Record<string, unknown>;
}

/** How many fields all objects in the text have together: a colon outside strings each. Brackets are `{[` and `}]`. The text is known to be JSON. */
function fieldsWritten(text: string, where: string): number {
  let fields = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) fields += 1;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) throw new PackageError('too-large', where);
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return fields;
}

/** Place of the quote that ends the string which begins at `start`: one behind an even number of backslashes. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}

/** Not deeper than the text, whose depth was bounded. */
function fieldsIn(value: object): number {
  const inside: unknown[] = Array.isArray(value) ? value : Object.values(value);
  let fields = Array.isArray(value) ? 0 : inside.length;
  for (const one of inside) if (typeof one === 'object' && one !== null) fields += fieldsIn(one);
  return fields;
}
