import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { digital, StageRig } from './stage-rig.js';

const HOUR_MS = 3_600_000;

let rig: StageRig;

beforeAll(async () => {
  rig = await StageRig.start();
}, 60_000);

afterAll(() => rig.stop());

describe('what was committed and not yet published', () => {
  it('is told when the record comes again, also if a revocation list has come in between', async () => {
    const letter = digital();
    const notice = { emailText: null, smsText: null, serviceMessage: true };
    await rig.handle(rig.record('letter.accepted.v1', letter.accepted({ notice })), rig.routed(letter));
    const delivered = await rig.receipt(letter, 'leveringskvittering');
    const first = await rig.handle(delivered);
    expect(first.map((event) => event.split(' ')[0])).toEqual(['letter.status.v1', 'letter.notify.v1']);
    // the process dies here; before the next one reads the record again, the list is there
    rig.revokedSince = new Date(Date.now() - HOUR_MS);
    const again = await rig.handle(delivered);
    const another = await rig.handle(await rig.receipt(letter, 'aapningskvittering'));
    rig.revokedSince = undefined;
    expect(again).toEqual(first);
    expect(another).toEqual([]);
    expect(await rig.receiptsOf(letter)).toEqual([
      { problem: null, letter_id: letter.letterId },
      { problem: 'signer-revoked', letter_id: null },
    ]);
  });
});

describe('a receipt that waited for its leg', () => {
  it('is set aside with the reason when its signer was revoked by then', async () => {
    const letter = digital();
    await rig.handle(await rig.receipt(letter, 'leveringskvittering'));
    expect(await rig.receiptsOf(letter)).toEqual([{ problem: null, letter_id: null }]);
    rig.revokedSince = new Date(Date.now() - HOUR_MS);
    await rig.handle(rig.accepted(letter), rig.routed(letter));
    rig.revokedSince = undefined;
    expect(await rig.receiptsOf(letter)).toEqual([{ problem: 'signer-revoked', letter_id: null }]);
  });
});
