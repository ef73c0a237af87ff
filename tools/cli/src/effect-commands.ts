import { messageCounts, type MessageCount } from '@postgang/notification';
import { EffectBooks } from '@postgang/provider-dispatch';
import { parseConfig, runtimeConfig, scrub, type EffectCounts, type UnsettledEffect } from '@postgang/runtime';
import type { Command } from 'commander';
import { printList } from './print-list.js';
import { postgres, unusable } from './servers.js';

/** The same name as the services use, so that their environment serves here too. */
const config = runtimeConfig.pick({}).extend({ POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap() });

const MOST_LISTED = 1_000;
const LONGEST_REASON = 200;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Nothing to settle, or no way to find out. */
export class EffectsError extends Error {
  override readonly name = 'EffectsError';
}

interface SettleOptions {
  readonly handedOver?: boolean;
  readonly notDone?: boolean;
  readonly reason: string;
}

/** `postgang effects …`: what was done outside, what is not known to be, and an operator's word about that. */
export function effectCommands(program: Command): void {
  const group = program
    .command('effects')
    .description('what was done outside and cannot be undone: letters handed over, mails sent')
    .addHelpText('afterAll', '\nReads POSTGRES_URL as the services do.');
  group
    .command('list')
    .description(
      `hand-overs of which nobody knows whether they were done, the oldest ${MOST_LISTED}; PARKED ones wait for a person`,
    )
    .option('--json', 'one JSON document')
    .action(({ json }: { json?: boolean }) =>
      withBooks(async (books) =>
        printList(
          await books.unsettled(MOST_LISTED),
          json,
          lineOf,
          'no unsettled effects: of each it is known what became of it',
        ),
      ),
    );
  group
    .command('counts')
    .description('intentions, ends, how uncertain ones were settled, what is unsettled, doubles prevented')
    .option('--json', 'one JSON document')
    .action(({ json }: { json?: boolean }) =>
      withBooks(async (books, url) => {
        const [handOvers, messages] = [await books.counts(), await messageCounts(url)];
        if (json === true) print(JSON.stringify({ handOvers, messages }, undefined, 2));
        else {
          const lines = [...handOvers.flatMap(linesOf), ...messages.map(messageLine)];
          printList(lines, false, (line) => line, 'no effects yet');
        }
      }),
    );
  group
    .command('settle')
    .description(
      'says what became of an unsettled hand-over, when the provider does not: published as an operator’s word, without the reason',
    )
    .argument('<id>', 'the effect, as listed')
    .option('--handed-over', 'the provider has it: it is not sent again')
    .option('--not-done', 'the provider has not got it: it is sent again')
    .requiredOption('--reason <text>', 'how you know, for the ledger; nothing personal')
    .action((id: string, options: SettleOptions) => settle(id, options));
}

async function settle(id: string, { handedOver = false, notDone = false, reason }: SettleOptions): Promise<void> {
  if (handedOver === notDone) throw new EffectsError('say either --handed-over or --not-done');
  if (!UUID.test(id)) throw new EffectsError('the id is not one of an effect');
  const note = reason.trim();
  if (note === '' || note.length > LONGEST_REASON)
    throw new EffectsError(`the reason has 1 to ${LONGEST_REASON} characters`);
  if (scrub(note) !== note)
    throw new EffectsError('the reason holds something that looks like a national id, an address, a number or a token');
  await withBooks(async (books) => {
    if (!(await books.settle(id.toLowerCase(), handedOver, note)))
      throw new EffectsError('there is no unsettled effect of that id');
  });
}

async function withBooks(work: (books: EffectBooks, url: string) => Promise<void>): Promise<void> {
  const { POSTGRES_URL } = parseConfig('postgang effects', config, process.env);
  const away = unusable(postgres(POSTGRES_URL));
  const books = await EffectBooks.open(POSTGRES_URL).catch(away);
  try {
    await work(books, POSTGRES_URL).catch(away);
  } finally {
    await books.close();
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const lineOf = (effect: UnsettledEffect): string =>
  `${effect.id}  ${effect.state}  ${effect.provider}  letter ${effect.letterId} leg ${effect.leg}  ${effect.reason ?? ''}  ` +
  `sent ${effect.attempts}×, asked ${effect.questions}× since ${effect.since.toISOString()}`;

function linesOf({ provider, settled, ...figures }: EffectCounts): string[] {
  const all = [
    ...Object.entries(figures),
    ...Object.entries(settled).map(([how, count]) => [`settled: ${how}`, count]),
  ];
  return all.map(([what, count]) => `${provider}  ${what}  ${count}`);
}

const messageLine = ({ state, count, suppressed }: MessageCount): string =>
  `smtp  ${state}  ${count} (records suppressed: ${suppressed})`;
