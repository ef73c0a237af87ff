import type { KeyRing } from '@postgang/outside';
import { isUuid } from '@postgang/pipeline';
import type { RawRecord } from './outgoing.js';

/** Header of a dead letter whose value is the record sealed: its key, value and the headers of who wrote it. */
export const SEALED = 'sealed-record';
const SCOPE = 'internal';

/**
 * A record that could not be decoded may hold anything, a national id in clear too, and nothing personal lies in a dead letter. `id` takes
 * the place of a key that is no letter id. Without keys of the scope `internal` the record stays as it is.
 */
export function sealRecord(keys: KeyRing, record: RawRecord, id: string): RawRecord {
  if (!keys.has(SCOPE)) return record;
  const key = isUuid(record.key) ? record.key : id;
  const content = { key: record.key, value: record.value?.toString('base64') ?? null, headers: record.headers };
  const ours = Object.entries(record.headers).filter(([name]) => !name.startsWith('ce_') && name !== 'content-type');
  return {
    ...record,
    key,
    value: keys.seal(SCOPE, key, SEALED, JSON.stringify(content)),
    headers: { ...Object.fromEntries(ours), [SEALED]: '1' },
  };
}

/** What {@link sealRecord} sealed, as it was read. Throws UnknownKey or NotOpenable. */
export function openRecord(keys: KeyRing, key: string, sealed: Buffer): Pick<RawRecord, 'key' | 'value' | 'headers'> {
  const content = JSON.parse(keys.open(SCOPE, key, SEALED, sealed)) as {
    readonly key: string;
    readonly value: string | null;
    readonly headers: Readonly<Record<string, string>>;
  };
  return { ...content, value: content.value === null ? null : Buffer.from(content.value, 'base64') };
}
