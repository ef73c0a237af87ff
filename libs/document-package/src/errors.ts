/** Why a package, container or message was refused. Stable, for machines; README lists what each means and a test keeps the list honest. */
export const REASONS = {
  'not-a-package': 'The bytes are no CMS package, zip or JWS, or JSON in it has a field twice.',
  'cannot-decrypt': 'The key does not open the package, or the ciphertext is damaged.',
  'unsupported-algorithm': 'An algorithm outside the profile.',
  'too-large': 'More bytes, entries or levels than allowed.',
  'zip-malformed': 'The zip contradicts itself: headers, sizes, checksums, hidden or trailing bytes.',
  'zip-name': 'An entry name that is doubled, leaves the folder, or is not plain UTF-8.',
  'mimetype-wrong': 'The mimetype entry is not first, not stored, or says something else.',
  'signature-missing': 'No file of signatures in META-INF, several of them, or not exactly one signature in it.',
  'xml-malformed':
    'XML that is not well-formed or not UTF-8, or has a DOCTYPE, a processing instruction or xml: attributes.',
  'signature-structure': 'The signature has other parts than the profile: wrapped, doubled or missing elements or ids.',
  'key-info-missing': 'The signature carries no certificate that can be read.',
  'digest-mismatch': 'A file is not the one that was signed.',
  'signature-invalid': 'The signature value does not fit the signed properties and the certificate.',
  'file-unsigned': 'A file is not covered by the signature.',
  'file-missing': 'The signature or the manifest names a file that is not there.',
  'certificate-mismatch': 'The signed certificate reference is of none of the certificates.',
  'certificate-untrusted': 'No chain to a trusted root, or a certificate in it may not be used so.',
  'certificate-expired': 'A certificate was not valid at the time of signing.',
  'manifest-invalid': 'manifest.xml breaks its schema.',
  'message-invalid': 'The business message breaks its schema.',
} as const;
export type PackageReason = keyof typeof REASONS;

export class PackageError extends Error {
  override readonly name = 'PackageError';
  readonly reason: PackageReason;
  /** File, element or JSON pointer at fault. */
  readonly where: string | undefined;

  constructor(reason: PackageReason, where?: string, cause?: unknown) {
    super(where === undefined ? reason : `${reason} (${where})`, { cause });
    this.reason = reason;
    this.where = where;
  }
}
