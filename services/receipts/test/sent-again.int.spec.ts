import 'reflect-metadata';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { digital, StageRig } from './stage-rig.js';

let rig: StageRig;

beforeAll(async () => {
  rig = await StageRig.start();
}, 60_000);

afterAll(() => rig.stop());

it('a leg that was given up and then sent again by an operator is awaited from its provider like any other', async () => {
  const letter = digital();
  const { letterId, sender, reference } = letter;
  const refusal = { about: 'LEG', letterId, sender, reference, leg: 1, stage: 'provider-dispatch', pointer: null };
  const givenUp = { ...refusal, reason: 'provider-unreachable', detail: 'no answer', refusedAt: Date.now() };
  await rig.handle(rig.accepted(letter), rig.routed(letter), rig.dispatch(letter));
  await rig.handle(rig.record('letter.refused.v1', givenUp));
  expect(await rig.handle(rig.dispatched(letter))).toHaveLength(1);
  const open = await rig.database.query(
    `SELECT awaits, owed_by, state, status FROM expectation e JOIN leg USING (letter_id) JOIN letter l ON l.id = e.letter_id
     WHERE letter_id = $1 AND met_at IS NULL`,
    [letterId],
  );
  expect(open).toEqual([{ awaits: 'Delivered', owed_by: 'digipost', state: 'HandedOver', status: 'HANDED_OVER' }]);
});
