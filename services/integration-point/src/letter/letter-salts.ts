import { documentsValue, saltOf } from '@postgang/evidence';
import type { KeyRing } from '@postgang/outside';
import { decode } from '@postgang/pipeline';
import pg from 'pg';
import { SALT_FIELD } from './seal-letter.js';

/** There is no such letter, or its salts were erased or never made. */
export class SaltsUnavailable extends Error {
  override readonly name = 'SaltsUnavailable';
}

export interface RevealedField {
  readonly field: 'documents' | 'recipient';
  /** Hexadecimal. */
  readonly salt: string;
  readonly value: string;
}

/** Whoever has the right to it is shown what stands behind a letter's commitments; and it can be made impossible for ever. */
export class LetterSalts {
  private constructor(private readonly client: pg.Client) {}

  static async open(postgresUrl: string): Promise<LetterSalts> {
    const client = new pg.Client({
      ...{ connectionString: postgresUrl, connectionTimeoutMillis: 5_000, statement_timeout: 15_000 },
      ...{ application_name: 'postgang evidence', options: '-c search_path=integration_point' },
    });
    await client.connect();
    return new LetterSalts(client);
  }

  /** In the order of an evidence file. Throws SaltsUnavailable, and UnknownKey without the keys of scope `internal`. */
  async reveal(letterId: string, keys: KeyRing): Promise<readonly RevealedField[]> {
    const { rows } = await this.client.query<{ body: Buffer; salt_key: Buffer | null }>(
      'SELECT body, salt_key FROM letter WHERE id = $1',
      [letterId],
    );
    const [row] = rows;
    if (row === undefined) throw new SaltsUnavailable('there is no such letter');
    if (row.salt_key === null) throw new SaltsUnavailable('the salts of this letter were erased, or never made');
    const { letter } = decode('letter.accepted.v1', row.body);
    const open = (field: string, sealed: Buffer): string => keys.open('internal', letterId, field, sealed);
    const saltKey = Buffer.from(open(SALT_FIELD, row.salt_key), 'base64');
    const shown = (field: RevealedField['field'], value: string): RevealedField => ({
      ...{ field, salt: saltOf(saltKey, field).toString('hex'), value },
    });
    return [
      shown('documents', documentsValue(letter.documents.map(({ sha256 }) => sha256))),
      shown('recipient', open('recipient', letter.recipient)),
    ];
  }

  /** False if there was nothing to erase. What backups and the write-ahead log hold goes with them. */
  async erase(letterId: string): Promise<boolean> {
    const { rowCount } = await this.client.query(
      'UPDATE letter SET salt_key = NULL WHERE id = $1 AND salt_key IS NOT NULL',
      [letterId],
    );
    return rowCount === 1;
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}
