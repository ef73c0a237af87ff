import { hash as digest } from 'node:crypto';

/** Namespace of letter ids (RFC 9562 §5.5). A constant of the contract: agencies compute letter ids with it to seal fields on their ingress topic. */
export const POSTGANG_NAMESPACE = '6f1c3b52-5d0e-5c1b-9b0a-6a3d0f7f2c11';

const NAMESPACE_BYTES = 16;
/** A letter's way takes some fifty ids: they share the buffer that is digested. */
const scratch = Buffer.alloc(512);

/** UUID version 5 (RFC 9562 §5.5): the same name in the same namespace is the same id, everywhere and always. Throws TypeError without a UUID. */
export function uuidv5(namespace: string, name: string): string {
  const size = NAMESPACE_BYTES + Buffer.byteLength(name);
  const bytes = size <= scratch.length ? scratch : Buffer.alloc(size);
  const written = bytes.write(namespace.replaceAll('-', ''), 0, NAMESPACE_BYTES, 'hex');
  if (written < NAMESPACE_BYTES) throw new TypeError('the namespace of an id is not a UUID');
  bytes.write(name, NAMESPACE_BYTES);
  const hex = digest('sha1', bytes.subarray(0, size), 'hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The same reference of the same agency is the same letter. */
export const letterIdOf = (sender: string, reference: string): string =>
  uuidv5(POSTGANG_NAMESPACE, `${sender}/${reference}`);

/** Receipts find their leg by it; it cannot be guessed from outside without the letter id. */
export const conversationIdOf = (letterId: string, leg: number): string => uuidv5(letterId, String(leg));

/** Instance identifier of a leg's SBD: the same at every attempt, so that the access point can refuse a second hand-over. */
export const messageIdOf = (letterId: string, leg: number): string =>
  messageIdOfConversation(conversationIdOf(letterId, leg));

export const messageIdOfConversation = (conversationId: string): string => uuidv5(conversationId, 'message');

/** Id of the event that `stage` derives from `cause`: the same input gives the same ids, so that readers can drop repeats. */
export const eventIdOf = (cause: string, stage: string, topic: string, ordinal: number): string =>
  uuidv5(cause, `${stage}/${topic}/${ordinal}`);

export const isUuid = (text: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
