import { describe, expect, it } from '@jest/globals';
import { join, type LegState } from './letter-status.js';
import {
  ACCESS_POINT_MEANING,
  isAccessPointStatus,
  isReceiptKind,
  meaningOf,
  RECEIPT_KINDS,
  type ReceiptKind,
} from './receipt.js';

describe('a receipt', () => {
  it.each<[ReceiptKind, string, string]>([
    ['leveringskvittering', 'Delivered', 'Posted'],
    ['aapningskvittering', 'Opened', 'nonsense'],
    ['varslingfeiletkvittering', 'notice', 'nonsense'],
    ['mottakskvittering', 'nonsense', 'ReceivedForPrint'],
    ['returpostkvittering', 'nonsense', 'Returned'],
    ['feil', 'Failed', 'Failed'],
  ])('%s means %s from a mailbox and %s from the print shop', (kind, digital, print) => {
    const word = (channel: 'digital' | 'print'): string => {
      const meaning = meaningOf(channel, kind);
      return 'state' in meaning ? meaning.state : (Object.keys(meaning)[0] as string);
    };
    expect([word('digital'), word('print')]).toEqual([digital, print]);
  });

  it('is only of a kind we know', () => {
    expect(RECEIPT_KINDS.every(isReceiptKind)).toBe(true);
    // "levertkvittering" stands in the public documentation, by mistake
    for (const text of ['levertkvittering', 'constructor', '', 'FEIL']) expect(isReceiptKind(text)).toBe(false);
  });

  it('for the posting outranks the one for the arrival at the print shop, whichever comes first', () => {
    const states = (['mottakskvittering', 'leveringskvittering'] as const).map(
      (kind) => (meaningOf('print', kind) as { state: LegState }).state,
    );
    const words = states.map((state) => ({ state }));
    expect(words.reduce(join)).toEqual({ state: 'Posted' });
    expect(words.reverse().reduce(join)).toEqual({ state: 'Posted' });
  });
});

describe('a status of the access point', () => {
  it('says no more than that the message was taken over, or failed', () => {
    expect(ACCESS_POINT_MEANING).toEqual({ OPPRETTET: 'HandedOver', SENDT: 'HandedOver', FEILET: 'Failed' });
    for (const text of ['LEVERT', 'toString', 'sendt']) expect(isAccessPointStatus(text)).toBe(false);
  });
});
