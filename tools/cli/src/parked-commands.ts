import { parseConfig, runtimeConfig } from '@postgang/runtime';
import { HeldSenders, type ParkedCount } from '@postgang/register-lookup';
import type { Command } from 'commander';

/** The same name as the services use, so that their environment serves here too. */
const config = runtimeConfig.pick({}).extend({ POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap() });

/** Nothing to release, or no way to find out. */
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
    .action((options: { json?: boolean }) => withHeld(async (held) => show(await held.list(), options.json)));
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
  const held = await HeldSenders.open(POSTGRES_URL).catch((error: unknown) => {
    // the driver's own words may quote the address with its password
    const { code, name } = error as { code?: string; name?: string };
    throw new ParkedError(`PostgreSQL (POSTGRES_URL) cannot be used: ${code ?? name ?? 'unknown error'}`, {
      cause: error,
    });
  });
  try {
    await work(held);
  } finally {
    await held.close();
  }
}

function show(parked: readonly ParkedCount[], json = false): void {
  if (json) process.stdout.write(`${JSON.stringify(parked, undefined, 2)}\n`);
  else
    for (const { sender, why, letters, since } of parked)
      process.stdout.write(`${sender}  ${why}  ${letters} letters since ${since.toISOString()}\n`);
}
