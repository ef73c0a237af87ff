import 'reflect-metadata';
import { publish, run, type Outcome, type Received } from '../src/index.js';
import { notifiedDraft, serviceOf } from './spec-stage.js';

/**
 * A service in a process of its own, told by its argument how to handle: `publish` at once, `slow` (half a second), `never`, or `throw` an
 * error that nobody catches. Says `HANDLING <records>` when a batch is in hand.
 */
const how = process.argv[2];

const told = (batch: readonly Received[]): Outcome[] =>
  batch.map(({ key, event }) => publish(notifiedDraft(key, String((event as { attempts: number }).attempts))));

run(
  serviceOf('receipts', 'letter.dispatched.v1', async (batch) => {
    process.stdout.write(`HANDLING ${batch.length}\n`);
    if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 500));
    if (how === 'never') await new Promise(() => undefined);
    if (how === 'throw')
      setImmediate(() => {
        throw Object.assign(new Error('no place for 13868190005'), { parameters: ['Kari Nordmann'] });
      });
    return told(batch);
  }),
);
