import { parseConfig, runtimeConfig } from '@postgang/runtime';
import { HeldSenders, type ParkedCount } from '@postgang/register-lookup';
import type { Command } from 'commander';
import { printList } from './print-list.js';
import { postgres, unusable } from './servers.js';

/** The same name as the services use, so that their environment serves here too. */
const config = runtimeConfig.pick({}).extend({ POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap() });

/** Nothing to release. */
export class ParkedError extends Error {
  override readonly name = 'ParkedError';
}

/** `postgang parked …`: letters that wait in register-lookup for a person or for an authorisation. */
export function parkedCommands(program: Command): void {
  const group = program
    .command('parked')
    .description('letters that wait before they are routed')
    .addHelpText('afterAll', '\nReads POSTGRES_URL as the services do.');
  group
    .command('list')
    .description('whose letters wait, why, how many, and since when')
    .option('--json', 'one JSON document')
    .action((options: { json?: boolean }) =>
      withHeld(async (held) => printList(await held.list(), options.json, lineOf, 'no letters are parked')),
    );
  group
    .command('release')
    .description(
      'lets the letters of an agency go on that was stopped for too many refusals; for 24 hours it is not stopped again',
    )
    .argument('<orgnr>', 'organisation number')
    .action((orgnr: string) =>
      withHeld(async (held) => {
        if (!(await held.release(orgnr))) throw new ParkedError(`${orgnr.slice(0, 20)} is not stopped`);
      }),
    );
}

async function withHeld(work: (held: HeldSenders) => Promise<void>): Promise<void> {
  const { POSTGRES_URL } = parseConfig('postgang parked', config, process.env);
  const away = unusable(postgres(POSTGRES_URL));
  const held = await HeldSenders.open(POSTGRES_URL).catch(away);
  try {
    await work(held).catch(away);
  } finally {
    await held.close();
  }
}

const lineOf = ({ sender, why, letters, since }: ParkedCount): string =>
  `${sender}  ${why}  ${letters} letters since ${since.toISOString()}`;
