import { DependencyDown, type KeyRing } from '@postgang/outside';
import { decode } from '@postgang/pipeline';
import { RegisterDenied, type Registers } from '@postgang/registers';
import type { NoAccess, ParkedLetter } from '../db/parked-letters.js';
import { decide } from '../decide.js';

/**
 * Asks with one parked letter whether its agency has access again. Anything but another denial of the same register is an answer, an error too:
 * the stage then decides what becomes of the letter. Throws DependencyDown when nobody can tell.
 */
export async function hasAccess(
  { event, why }: ParkedLetter & { readonly why: NoAccess },
  registers: Registers,
  keys: KeyRing,
  now: Date,
): Promise<boolean> {
  try {
    const [result] = await decide([decode('letter.accepted.v1', event).letter], registers, keys, now);
    if (result instanceof DependencyDown) throw result;
    return !(result instanceof RegisterDenied && why === `no-access-to-${result.register}`);
  } catch (error) {
    if (error instanceof DependencyDown) throw error;
    return true;
  }
}
