import { isXmlText } from '@postgang/rules';
import { charactersIn } from './characters.js';
import { PackageError } from './errors.js';
import { attributeOf, elements, escapeAttribute, escapeText, parseXml, textOf, type Element } from './xml.js';

/** manifest.xml of a dokumentpakke (namespace http://begrep.difi.no/sdp/schema_v10). */
export interface ManifestDocument {
  readonly href: string;
  readonly mediaType: string;
  readonly title?: string;
  /** Two letters; needed with a title. */
  readonly language?: string;
  /** Another file of the package that describes this one (`data`: link, proof, event). Read, never written. */
  readonly metadata?: { readonly href: string; readonly mediaType: string };
}

export interface PackageManifest {
  /** `0192:<organisation number>` of the sender. */
  readonly sender: string;
  readonly senderUnit?: string;
  readonly invoiceReference?: string;
  /** Absent for print. */
  readonly mailboxAddress?: string;
  readonly main: ManifestDocument;
  readonly attachments: readonly ManifestDocument[];
}

const NAMESPACE = 'http://begrep.difi.no/sdp/schema_v10';
const MAX_ATTACHMENTS = 200;

export function writeManifest(manifest: PackageManifest): Buffer {
  check(manifest);
  const receiver =
    manifest.mailboxAddress === undefined
      ? ''
      : `<mottaker><person><postkasseadresse>${escapeText(manifest.mailboxAddress)}</postkasseadresse></person></mottaker>`;
  const unit =
    manifest.senderUnit === undefined
      ? ''
      : `<avsenderidentifikator>${escapeText(manifest.senderUnit)}</avsenderidentifikator>`;
  const invoice =
    manifest.invoiceReference === undefined
      ? ''
      : `<fakturaReferanse>${escapeText(manifest.invoiceReference)}</fakturaReferanse>`;
  const sender = `<avsender><organisasjon authority="iso6523-actorid-upis">${escapeText(manifest.sender)}</organisasjon>${unit}${invoice}</avsender>`;
  const attachments = manifest.attachments.map((document) => documentXml('vedlegg', document)).join('');
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><manifest xmlns="${NAMESPACE}">${receiver}${sender}${documentXml('hoveddokument', manifest.main)}${attachments}</manifest>`,
  );
}

function documentXml(name: string, document: ManifestDocument): string {
  const title =
    document.title === undefined
      ? ''
      : `<tittel lang="${escapeAttribute(document.language ?? 'no')}">${escapeText(document.title)}</tittel>`;
  return `<${name} href="${escapeAttribute(document.href)}" mime="${escapeAttribute(document.mediaType)}">${title}</${name}>`;
}

/** Throws PackageError('manifest-invalid') with the element at fault. */
export function readManifest(bytes: Buffer): PackageManifest {
  const root = parseXml(bytes, 'manifest.xml');
  if (root.local !== 'manifest' || root.uri !== NAMESPACE) throw invalid('root element');
  const parts = elements(root);
  if (!/^(mottaker,)?avsender,hoveddokument(,vedlegg)*(,lenke)?$/.test(parts.map((part) => part.local).join()))
    throw invalid('order of elements');
  const find = (local: string): Element | undefined => parts.find((part) => part.local === local);
  const sender = find('avsender') as Element;
  const senderUnit = childText(sender, 'avsenderidentifikator');
  const invoiceReference = childText(sender, 'fakturaReferanse');
  const receiver = find('mottaker');
  const person = receiver === undefined ? undefined : elements(receiver)[0];
  const mailboxAddress = person === undefined ? undefined : childText(person, 'postkasseadresse');
  if (receiver !== undefined && mailboxAddress === undefined) throw invalid('mottaker');
  const manifest: PackageManifest = {
    sender: childText(sender, 'organisasjon') ?? '',
    ...(senderUnit === undefined ? {} : { senderUnit }),
    ...(invoiceReference === undefined ? {} : { invoiceReference }),
    ...(mailboxAddress === undefined ? {} : { mailboxAddress }),
    main: documentOf(find('hoveddokument') as Element),
    attachments: parts.filter((part) => part.local === 'vedlegg').map(documentOf),
  };
  check(manifest);
  return manifest;
}

function documentOf(element: Element): ManifestDocument {
  const title = elements(element).find((part) => part.local === 'tittel');
  const language = title === undefined ? undefined : attributeOf(title, 'lang');
  const data = elements(element).find((part) => part.local === 'data');
  return {
    href: attributeOf(element, 'href') ?? '',
    mediaType: attributeOf(element, 'mime') ?? '',
    ...(title === undefined ? {} : { title: textOf(title) }),
    ...(language === undefined ? {} : { language }),
    ...(data === undefined
      ? {}
      : { metadata: { href: attributeOf(data, 'href') ?? '', mediaType: attributeOf(data, 'mime') ?? '' } }),
  };
}

function childText(parent: Element, local: string): string | undefined {
  const found = elements(parent).find((part) => part.local === local);
  return found === undefined ? undefined : textOf(found);
}

/** The limits of sdp-manifest.xsd and sdp-felles.xsd, for what we write and for what we read. */
function check(manifest: PackageManifest): void {
  if (!/^\d{4}:\w{1,35}$/.test(manifest.sender)) throw invalid('organisasjon');
  if (charactersIn(manifest.senderUnit ?? '') > 100) throw invalid('avsenderidentifikator');
  if (charactersIn(manifest.invoiceReference ?? '') > 40) throw invalid('fakturaReferanse');
  if (manifest.attachments.length > MAX_ATTACHMENTS) throw invalid('more than 200 attachments');
  const { main, attachments, ...own } = manifest;
  for (const [field, text] of Object.entries(own)) if (!isXmlText(text)) throw invalid(field);
  const hrefs = new Set<string>();
  for (const document of [main, ...attachments]) {
    if (![document.href, document.mediaType, document.title ?? ''].every(isXmlText))
      throw invalid('a character that XML has not');
    if (document.href.length < 4 || document.href.length > 100) throw invalid('href');
    if (document.mediaType.length < 1 || document.mediaType.length > 100) throw invalid('mime');
    const titleLength = document.title === undefined ? 1 : charactersIn(document.title);
    if (titleLength < 1 || titleLength > 255) throw invalid('tittel');
    if (document.title !== undefined && document.language?.length !== 2) throw invalid('lang');
    if (hrefs.has(document.href)) throw invalid('href used twice');
    hrefs.add(document.href);
  }
}

const invalid = (where: string): PackageError => new PackageError('manifest-invalid', where);
