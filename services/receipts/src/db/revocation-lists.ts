import { createHash } from 'node:crypto';
import type { RevocationList } from '@postgang/document-package';
import type { Manager } from '@postgang/runtime';

/** By SHA-256 of the issuer's certificate, which is in the receipts' chains. */
export const issuerKey = (certificate: { readonly raw: Buffer }): Buffer =>
  createHash('sha256').update(certificate.raw).digest();

/** Each list once, whichever process read it first. */
export async function saveLists(manager: Manager, lists: readonly RevocationList[]): Promise<void> {
  for (const { der, issuer, thisUpdate, nextUpdate } of lists)
    await manager.query(
      `INSERT INTO revocation_list (id, issuer, this_update, next_update, der) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT DO NOTHING`,
      [createHash('sha256').update(der).digest(), issuerKey(issuer), thisUpdate, nextUpdate ?? null, der],
    );
}
