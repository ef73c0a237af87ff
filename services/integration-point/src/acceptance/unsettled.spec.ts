import { describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { letterIdOf } from '@postgang/pipeline';
import { randomBytes } from 'node:crypto';
import type { Stored } from '../documents/uploads.js';
import { checkLetter, type LetterInput } from '../letter/letter-schema.js';
import { sealLetter } from '../letter/seal-letter.js';
import { Unsettled } from './unsettled.js';

const SENDER = '991825827';
const MINUTE = 60_000;
const key = (): object => ({ active: 'k', keys: { k: randomBytes(32).toString('base64') } });
const keys = KeyRing.parse(JSON.stringify({ internal: key(), content: key() }));
const stored = (ref: string): Stored => ({
  stored: { ref, size: 4, sha256: Buffer.alloc(32) },
  mediaType: 'application/pdf',
});

/** The row of a letter as it was accepted with that document. */
function rowWith(reference: string, ref: string): object {
  const checked = checkLetter(
    {
      reference,
      recipient: '13868190005',
      kind: 'information',
      title: 'T',
      nonSensitiveTitle: 'N',
      documents: [{ title: 'A', type: 'application/pdf', file: 'a' }],
    },
    'test',
  ) as { letter: LetterInput };
  const documents = [{ title: 'A', mediaType: 'application/pdf', ref, size: 4, sha256: Buffer.alloc(32) }];
  const { letterId: id, body } = sealLetter(
    keys,
    {
      sender: SENDER,
      senderName: undefined,
      supplier: undefined,
      letter: checked.letter,
      documents,
      door: 'REST',
      traceparent: '',
    },
    new Date(),
  );
  return { id, body };
}

describe('documents of a hand-in that failed', () => {
  const erased: string[] = [];
  let answer: () => Promise<object[]>;
  const database = { manager: { query: () => answer() } };
  const discard = ({ stored: { ref } }: Stored): Promise<void> => {
    erased.push(ref);
    return Promise.resolve();
  };
  const unsettled = new Unsettled({ database } as never, { discard });

  it('are looked after when the outcome is certain and the database answers, and only those no letter names are erased', async () => {
    unsettled.add(letterIdOf(SENDER, 'written'), [stored('kept')], 0);
    unsettled.add(letterIdOf(SENDER, 'written'), [stored('of the repeat')], 0);
    unsettled.add(letterIdOf(SENDER, 'never written'), [stored('lost'), stored('lost too')], 0);
    answer = () => Promise.reject(new Error('asked too early'));
    await unsettled.settle(MINUTE - 1);
    await expect(unsettled.settle(MINUTE)).rejects.toThrow('asked too early');
    expect(erased).toEqual([]);
    answer = () => Promise.resolve([rowWith('written', 'kept')]);
    await unsettled.settle(MINUTE);
    expect(erased).toEqual(['of the repeat', 'lost', 'lost too']);
    answer = () => Promise.reject(new Error('asked again'));
    await unsettled.settle(2 * MINUTE);
    expect(erased).toHaveLength(3);
  });
});
