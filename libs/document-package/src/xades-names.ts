/** Names of XML signatures (XMLDSig, RFC 9231), XAdES (ETSI TS 101 903, EN 319 132) and the container (ETSI TS 102 918). */
export const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
export const XADES = 'http://uri.etsi.org/01903/v1.3.2#';
export const SIGNED_PROPERTIES = 'http://uri.etsi.org/01903#SignedProperties';
/** Two spellings of the container namespace are in use; the first is written, both are read. */
export const CONTAINERS = ['http://uri.etsi.org/02918/v1.2.1#', 'http://uri.etsi.org/2918/v1.2.1#'];

export const C14N_10 = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315';
export const C14N_11 = 'http://www.w3.org/2006/12/xml-c14n11';
export const C14N_EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';

export const SHA1 = 'http://www.w3.org/2000/09/xmldsig#sha1';
export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';

/** Digests of files and of signed properties; SHA-1 is only ever read as the digest of a certificate. */
export const DIGESTS: ReadonlyMap<string, string> = new Map([
  [SHA256, 'sha256'],
  ['http://www.w3.org/2001/04/xmldsig-more#sha384', 'sha384'],
  ['http://www.w3.org/2001/04/xmlenc#sha512', 'sha512'],
]);
export const CERTIFICATE_DIGESTS: ReadonlyMap<string, string> = new Map([...DIGESTS, [SHA1, 'sha1']]);

/** The profile writes rsa-sha256; the stronger hashes and RSASSA-PSS without parameters (salt as long as the hash) are read too. */
export const SIGNATURES: ReadonlyMap<string, { readonly hash: string; readonly pss: boolean }> = new Map(
  ['sha256', 'sha384', 'sha512'].flatMap((hash): [string, { hash: string; pss: boolean }][] => [
    [`http://www.w3.org/2001/04/xmldsig-more#rsa-${hash}`, { hash, pss: false }],
    [`http://www.w3.org/2007/05/xmldsig-more#${hash}-rsa-MGF1`, { hash, pss: true }],
  ]),
);
