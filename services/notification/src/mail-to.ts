import type { LetterNotify } from '@postgang/pipeline';
import { serviceMessage, type RegisterEntry, type ServiceMessage } from '@postgang/rules';

const LONGEST_ADDRESS = 254;
const LONGEST_NAME = 150;
/** One plain address (RFC 5321 §4.1.2 without quoted local parts): nothing in it can end a line, open a list or name a second recipient. */
const ADDRESS = /^[^\s@<>()[\]\\,;:"\p{C}]{1,64}@[^\s@<>()[\]\\,;:"\p{C}]+$/u;

/**
 * The mail for a letter, or why there is none. Outdated contact data may be used, and a reservation does not matter: §9 and §32 of
 * eForvaltningsforskriften speak of letters with legal effect, and service messages go with information only.
 */
export function mailTo(
  event: Pick<LetterNotify, 'sender' | 'senderName' | 'language'>,
  entry: RegisterEntry,
): { readonly address: string; readonly message: ServiceMessage } | { readonly none: string } {
  if (entry.status !== 'AKTIV') return { none: 'not-registered' };
  if (entry.email === undefined) return { none: 'no-email' };
  const address = entry.email.value;
  if (address.length > LONGEST_ADDRESS || !ADDRESS.test(address)) return { none: 'address-unusable' };
  return { address, message: serviceMessage(nameOf(event), [entry.language, event.language]) };
}

/** One line, however the name came to us; the organisation number where there is none. */
function nameOf({ sender, senderName }: Pick<LetterNotify, 'sender' | 'senderName'>): string {
  const name = (senderName ?? '').replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return name === '' ? sender : name.slice(0, LONGEST_NAME);
}
