import type { SigningIdentity } from '@postgang/document-package';
import { signingIdentityFromPem } from '@postgang/document-package';
import forge from 'node-forge';

/** Key and chain of a PKCS#12 file, leaf first. Throws a sentence without the password in it. */
export function signingIdentityFromP12(p12: Buffer, password: string): SigningIdentity {
  let bags: forge.pkcs12.Pkcs12Pfx;
  try {
    bags = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(p12.toString('latin1')), password);
  } catch {
    throw new Error('the P12 file cannot be opened: wrong password, or not a P12 file');
  }
  const { pkcs8ShroudedKeyBag, keyBag, certBag } = forge.pki.oids as Record<string, string>;
  const all = (type: string | undefined): forge.pkcs12.Bag[] => bags.getBags({ bagType: type ?? '' })[type ?? ''] ?? [];
  const key = [...all(pkcs8ShroudedKeyBag), ...all(keyBag)][0]?.key;
  if (key === undefined || key === null) throw new Error('the P12 file holds no private key');
  const certificates = all(certBag).flatMap(({ cert }) => (cert === undefined ? [] : [cert]));
  const rsa = key;
  const isLeaf = (certificate: forge.pki.Certificate): boolean =>
    (certificate.publicKey as forge.pki.rsa.PublicKey).n.equals(rsa.n);
  const ordered = [...certificates.filter(isLeaf), ...certificates.filter((certificate) => !isLeaf(certificate))];
  if (ordered.length === 0 || !isLeaf(ordered[0] as forge.pki.Certificate))
    throw new Error("the P12 file holds no certificate of the key's");
  return signingIdentityFromPem(
    forge.pki.privateKeyToPem(rsa),
    ordered.map((certificate) => forge.pki.certificateToPem(certificate)).join('\n'),
  );
}
