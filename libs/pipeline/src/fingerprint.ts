/** CRC-64-AVRO over the Parsing Canonical Form (Avro specification, "Schema Fingerprints"). */
const EMPTY = 0xc15d213aa4d7a795n;
const TABLE = Array.from({ length: 256 }, (_, index) => {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (EMPTY & -(value & 1n));
  return value;
});

export function fingerprint(canonicalForm: string): Buffer {
  let value = EMPTY;
  for (const byte of Buffer.from(canonicalForm))
    value = (value >> 8n) ^ (TABLE[Number((value ^ BigInt(byte)) & 0xffn)] as bigint);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
