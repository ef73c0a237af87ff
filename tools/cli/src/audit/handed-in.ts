import { letterIdOf } from '@postgang/pipeline';
import { isOrganisationNumber } from '@postgang/rules';
import { UsageError } from '../package-input.js';
import { openText, rowsOf } from './read-lines.js';

const WHAT = '--handed-in';

/**
 * Letters that an agency says it handed in: CSV with the column `reference`, and `sender` where they are several agencies'. A letter's id follows
 * from them. Throws UsageError.
 */
export async function* handedIn(
  source: string,
  sender: string | undefined,
): AsyncGenerator<{ id: string; sender: string; reference: string }> {
  for await (const { line, get } of rowsOf(
    await openText(source, WHAT),
    WHAT,
    sender === undefined ? ['sender', 'reference'] : ['reference'],
  )) {
    const from = get('sender') ?? sender ?? '';
    const reference = get('reference') ?? '';
    if (!isOrganisationNumber(from)) throw new UsageError(`${WHAT}: line ${line} names no organisation number`);
    if (reference === '') throw new UsageError(`${WHAT}: line ${line} has no reference`);
    if (sender === undefined || from === sender) yield { id: letterIdOf(from, reference), sender: from, reference };
  }
}
