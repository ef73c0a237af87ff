import type { KeyRing } from '@postgang/outside';
import { isOrganisationNumber } from '@postgang/rules';
import { randomBytes } from 'node:crypto';

/** Key id that agencies seal with: the key ring of an agency is `{ "agency:<orgnr>": { "active": "1", "keys": { "1": <ingressKey> } } }`. */
export const INGRESS_KEY_ID = '1';

export interface NewAgency {
  readonly orgnr: string;
  readonly name: string;
  /** Hands in on its own topic and gets its statuses there. Its topics must exist (createTopics). */
  readonly kafka: boolean;
}

/** TypeORM gives rows, a pg client a result with rows. */
interface Queryable {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

interface Row {
  readonly ingress_key: Buffer | null;
}

/**
 * Registers an agency or changes it; doing it twice gives the same ingress key (base64 of 32 bytes). Throws TypeError when the organisation
 * number is wrong.
 */
export async function addAgency(
  database: Queryable,
  keys: KeyRing,
  agency: NewAgency,
): Promise<{ ingressKey?: string }> {
  if (!isOrganisationNumber(agency.orgnr)) throw new TypeError('not an organisation number');
  const fresh = agency.kafka
    ? keys.seal('internal', agency.orgnr, 'ingress-key', randomBytes(32).toString('base64'))
    : null;
  const result = await database.query(
    `INSERT INTO integration_point.agency AS a (orgnr, name, kafka, ingress_key) VALUES ($1, $2, $3, $4)
     ON CONFLICT (orgnr) DO UPDATE
       SET name = excluded.name, kafka = excluded.kafka, ingress_key = coalesce(a.ingress_key, excluded.ingress_key)
     RETURNING ingress_key`,
    [agency.orgnr, agency.name, agency.kafka, fresh],
  );
  const rows = (Array.isArray(result) ? result : (result as { rows: unknown[] }).rows) as Row[];
  const sealed = rows[0]?.ingress_key ?? null;
  if (!agency.kafka || sealed === null) return {};
  return { ingressKey: keys.open('internal', agency.orgnr, 'ingress-key', sealed) };
}
