import { createHash } from 'node:crypto';
import { certificatesFromPem, type RevocationList, type Revocations } from '@postgang/document-package';
import type { Manager } from '@postgang/runtime';

/** By SHA-256 of the issuer's certificate, which is in the receipts' chains. */
export const issuerKey = (certificate: { readonly raw: Buffer }): Buffer =>
  createHash('sha256').update(certificate.raw).digest();

/** Each list once, whichever process read it first. */
export async function saveLists(manager: Manager, lists: readonly RevocationList[]): Promise<void> {
  for (const { der, issuer, thisUpdate, nextUpdate, scope } of lists)
    await manager.query(
      `INSERT INTO revocation_list (id, issuer, this_update, next_update, der, scope) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT DO NOTHING`,
      [createHash('sha256').update(der).digest(), issuerKey(issuer), thisUpdate, nextUpdate ?? null, der, scope],
    );
}

/** DER of the newest list about each part of each issuer's certificates that is not dated later than `until`. */
export async function newestLists(manager: Manager, until: Date): Promise<Buffer[]> {
  const rows = await manager.query<{ der: Buffer }[]>(
    `SELECT der FROM revocation_list WHERE id IN (
       SELECT DISTINCT ON (issuer, scope) id FROM revocation_list WHERE this_update <= $1
       ORDER BY issuer, scope, this_update DESC
     )`,
    [until],
  );
  return rows.map(({ der }) => der);
}

/**
 * Receipts that count although they came after their signer was revoked: the list was late. Asked when lists change only; there are few chains, and
 * revoked ones are rare.
 */
export async function countOfRevoked(manager: Manager, revocations: Revocations): Promise<number> {
  const chains = await manager.query<{ id: Buffer; pem: string }[]>('SELECT id, pem FROM receipt_chain');
  const revoked = chains.flatMap(({ id, pem }) => {
    const since = revocations.revokedAt(certificatesFromPem(pem));
    return since === undefined ? [] : [{ id, since }];
  });
  if (revoked.length === 0) return 0;
  const [row] = await manager.query<[{ count: number }]>(
    `SELECT count(*)::int AS count FROM receipt r
     JOIN unnest($1::bytea[], $2::timestamptz[]) AS x(id, since) ON r.chain_id = x.id AND r.received_at >= x.since
     WHERE r.verified AND r.letter_id IS NOT NULL`,
    [revoked.map(({ id }) => id), revoked.map(({ since }) => since)],
  );
  return row.count;
}
