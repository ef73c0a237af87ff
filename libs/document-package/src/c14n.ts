import { escapeAttribute, escapeText, type Element } from './xml.js';

/**
 * Canonical XML without comments of a subtree: inclusive (1.0 and 1.1), with every namespace that the ancestors give it, or exclusive (xml-exc-c14n
 * 1.0), with only those that names in it use and the listed prefixes ('' is the default namespace).
 */
export interface Canonicalisation {
  readonly exclusive: boolean;
  readonly prefixes: ReadonlySet<string>;
}

export const INCLUSIVE: Canonicalisation = { exclusive: false, prefixes: new Set() };

type Namespaces = ReadonlyMap<string, string>;
const NONE: Namespaces = new Map();

export function canonicalise(apex: Element, how: Canonicalisation = INCLUSIVE): string {
  const scope = new Map<string, string>();
  const ancestors: Element[] = [];
  for (let at = apex.parent; at !== undefined; at = at.parent) ancestors.unshift(at);
  for (const ancestor of ancestors) for (const [prefix, uri] of ancestor.declared) scope.set(prefix, uri);
  return write(apex, scope, NONE, how);
}

function write(element: Element, inherited: Namespaces, rendered: Namespaces, how: Canonicalisation): string {
  const scope = element.declared.size === 0 ? inherited : new Map([...inherited, ...element.declared]);
  const names = namespacesOf(element, scope, rendered, how);
  const now = names.length === 0 ? rendered : new Map([...rendered, ...names]);
  let text = `<${element.name}`;
  for (const [prefix, uri] of names)
    text += prefix === '' ? ` xmlns="${escapeAttribute(uri)}"` : ` xmlns:${prefix}="${escapeAttribute(uri)}"`;
  const attributes =
    element.attributes.length < 2
      ? element.attributes
      : [...element.attributes].sort((a, b) => compare(a.uri, b.uri) || compare(a.local, b.local));
  for (const { name, value } of attributes) text += ` ${name}="${escapeAttribute(value)}"`;
  text += '>';
  for (const node of element.children)
    text += typeof node === 'string' ? escapeText(node) : write(node, scope, now, how);
  return `${text}</${element.name}>`;
}

/** Declarations to write on this element, default namespace first, then by prefix. */
function namespacesOf(
  element: Element,
  scope: Namespaces,
  rendered: Namespaces,
  how: Canonicalisation,
): [string, string][] {
  // below the apex nothing but the element's own declarations can be new
  const candidates = how.exclusive
    ? usedPrefixes(element, how)
    : rendered === NONE
      ? scope.keys()
      : element.declared.keys();
  const names: [string, string][] = [];
  for (const prefix of candidates) {
    const uri = scope.get(prefix) ?? '';
    if (prefix !== 'xml' && (rendered.get(prefix) ?? '') !== uri) names.push([prefix, uri]);
  }
  return names.sort(([a], [b]) => compare(a, b));
}

function usedPrefixes(element: Element, how: Canonicalisation): Set<string> {
  const used = new Set(how.prefixes);
  used.add(prefixOf(element.name));
  for (const { name } of element.attributes) if (name.includes(':')) used.add(prefixOf(name));
  return used;
}

const prefixOf = (name: string): string => name.slice(0, Math.max(name.indexOf(':'), 0));
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
