import { openPackage, organisationNumberOf, PackageError, type OpenedPackage } from '@postgang/document-package';
import type { KeyObject, X509Certificate } from 'node:crypto';
import type { AcceptedLetter } from '../access-point/letter.js';

/**
 * How much of a package the providers verify: `full` opens each, `sample:N` every N-th, `cms-digest-only` none (the digest in the message has been
 * checked by the access point in any case). A benchmark says which it used.
 */
export type Verification =
  | { readonly mode: 'full' }
  | { readonly mode: 'sample'; readonly every: number }
  | { readonly mode: 'cms-digest-only' };

export function parseVerification(text: string): Verification | undefined {
  if (text === 'full' || text === 'cms-digest-only') return { mode: text };
  const every = /^sample:([1-9]\d{0,6})$/.exec(text)?.[1];
  return every === undefined ? undefined : { mode: 'sample', every: Number(every) };
}

/** Opens with the provider's key and checks what ties the package to its message. Throws PackageError. */
export function openFor(letter: AcceptedLetter, key: KeyObject, trust: readonly X509Certificate[]): OpenedPackage {
  const opened = openPackage(letter.package, key, { trust });
  const signer = opened.signer[0];
  // the organisation, not the certificate: it may have been renewed between sealing and sending
  if (signer === undefined || organisationNumberOf(signer) !== organisationNumberOf(letter.signer))
    throw new PackageError('certificate-mismatch', 'package and message have different signers');
  if (opened.manifest.sender !== letter.body.avsender.virksomhetsidentifikator.value)
    throw new PackageError('manifest-invalid', 'avsender is another than in the message');
  if (opened.manifest.mailboxAddress !== letter.body.mottaker.postkasseadresse)
    throw new PackageError('manifest-invalid', 'mottaker is another than in the message');
  if (opened.documents.some((document) => document.content.length === 0))
    throw new PackageError('manifest-invalid', 'a document is empty');
  return opened;
}
