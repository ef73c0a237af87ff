import { SaxesParser } from 'saxes';
import { PackageError } from './errors.js';

/** A namespace-aware tree, read without DTDs. `xml:*` attributes are refused: they are all that Canonical XML 1.0 and 1.1 disagree about. */
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
  // the bytes are read as UTF-8: with another declaration another reader sees another text
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && !/^utf-8$/i.test(encoding)) refuse('encoding');
  });
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

/** Nearly all texts hold nothing to escape, and one look is cheaper than six. */
export const escapeText = (text: string): string =>
  /[&<>\r]/.test(text)
    ? text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#xD;')
    : text;
export const escapeAttribute = (text: string): string =>
  /[&<"\t\n\r]/.test(text)
    ? text
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('"', '&quot;')
        .replaceAll('\t', '&#x9;')
        .replaceAll('\n', '&#xA;')
        .replaceAll('\r', '&#xD;')
    : text;
