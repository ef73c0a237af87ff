import { PackageError } from './errors.js';

/** JSON from outside is signed as text but acted on as a value: what two parsers could understand differently is refused (RFC 8259 §4). */
const MAX_DEPTH = 32;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

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
  checkFields(text, where);
  return value as Record<string, unknown>;
}

/** JSON.parse keeps the last of equal names silently, other parsers the first. The text is known to be JSON here. */
function checkFields(text: string, where: string): void {
  const open: (Set<string> | undefined)[] = [];
  let nameNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > MAX_DEPTH) throw new PackageError('too-large', where);
      nameNext = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      nameNext = false;
    } else if (token === ',') nameNext = open.at(-1) !== undefined;
    else if (token !== ':' && nameNext) {
      const names = open.at(-1) as Set<string>;
      const name = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
      if (names.has(name)) throw new PackageError('not-a-package', `${where} has a field twice`);
      names.add(name);
      nameNext = false;
    }
  }
}
