import { SaxesParser } from 'saxes';
import { PackageError } from './errors.js';

/** A namespace-aware tree, read without DTDs, and inclusive Canonical XML 1.0 / 1.1 of parts of it (they differ only in xml:* attributes, which we refuse). */
export interface Element {
  readonly name: string;
  readonly local: string;
  readonly uri: string;
  readonly attributes: readonly { name: string; local: string; uri: string; value: string }[];
  /** Prefix → URI declared on this very element. */
  readonly declared: ReadonlyMap<string, string>;
  readonly parent: Element | undefined;
  readonly children: (Element | string)[];
}

const MAX_DEPTH = 64;
const MAX_BYTES = 4 * 1024 * 1024;

/** Throws PackageError: xml-malformed or too-large. */
export function parseXml(bytes: Buffer, file: string): Element {
  if (bytes.length > MAX_BYTES) throw new PackageError('too-large', file);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new PackageError('xml-malformed', `${file}: not UTF-8`);
  const parser = new SaxesParser({ xmlns: true, position: false });
  let root: Element | undefined;
  let open: Element | undefined;
  let depth = 0;
  const refuse = (what: string): never => {
    throw new PackageError('xml-malformed', `${file}: ${what}`);
  };
  parser.on('error', () => refuse('not well-formed'));
  parser.on('doctype', () => refuse('DOCTYPE'));
  parser.on('processinginstruction', () => refuse('processing instruction'));
  parser.on('opentag', (tag) => {
    if (++depth > MAX_DEPTH) throw new PackageError('too-large', `${file}: nesting`);
    const attributes = Object.values(tag.attributes).filter(
      (attribute) => attribute.prefix !== 'xmlns' && attribute.name !== 'xmlns',
    );
    if (attributes.some((attribute) => attribute.prefix === 'xml')) refuse('xml: attribute');
    const element: Element = {
      name: tag.name,
      local: tag.local,
      uri: tag.uri,
      attributes: attributes.map(({ name, local, uri, value }) => ({ name, local, uri, value })),
      declared: new Map(Object.entries(tag.ns ?? {})),
      parent: open,
      children: [],
    };
    if (open === undefined) root ??= element;
    else open.children.push(element);
    open = element;
  });
  parser.on('closetag', () => {
    depth -= 1;
    open = open?.parent;
  });
  const text_ = (part: string): void => {
    if (open === undefined) return;
    const last = open.children.at(-1);
    if (typeof last === 'string') open.children[open.children.length - 1] = last + part;
    else open.children.push(part);
  };
  parser.on('text', text_);
  parser.on('cdata', text_);
  parser.write(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text).close();
  return root ?? refuse('empty');
}

export const elements = (parent: Element): Element[] =>
  parent.children.filter((node): node is Element => typeof node !== 'string');
export const textOf = (element: Element): string =>
  element.children.filter((node) => typeof node === 'string').join('');
export const attributeOf = (element: Element, name: string): string | undefined =>
  element.attributes.find((attribute) => attribute.name === name)?.value;

/** Inclusive C14N without comments of the subtree, with the namespaces that its ancestors give it. */
export function canonicalise(apex: Element): string {
  const scope = new Map<string, string>();
  const ancestors: Element[] = [];
  for (let at = apex.parent; at !== undefined; at = at.parent) ancestors.unshift(at);
  for (const ancestor of ancestors) for (const [prefix, uri] of ancestor.declared) scope.set(prefix, uri);
  return write(apex, scope, new Map());
}

function write(
  element: Element,
  inherited: ReadonlyMap<string, string>,
  rendered: ReadonlyMap<string, string>,
): string {
  const scope = new Map(inherited);
  for (const [prefix, uri] of element.declared) scope.set(prefix, uri);
  const now = new Map(rendered);
  const namespaces: string[] = [];
  for (const prefix of [...scope.keys()].sort()) {
    const uri = scope.get(prefix) as string;
    if (prefix === 'xml' || (now.get(prefix) ?? '') === uri) continue;
    now.set(prefix, uri);
    namespaces.push(prefix === '' ? ` xmlns="${escapeAttribute(uri)}"` : ` xmlns:${prefix}="${escapeAttribute(uri)}"`);
  }
  const attributes = [...element.attributes]
    .sort((a, b) => compare(a.uri, b.uri) || compare(a.local, b.local))
    .map((attribute) => ` ${attribute.name}="${escapeAttribute(attribute.value)}"`);
  const content = element.children.map((node) =>
    typeof node === 'string' ? escapeText(node) : write(node, scope, now),
  );
  return `<${element.name}${namespaces.join('')}${attributes.join('')}>${content.join('')}</${element.name}>`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#xD;');
export const escapeAttribute = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\t', '&#x9;')
    .replaceAll('\n', '&#xA;')
    .replaceAll('\r', '&#xD;');
