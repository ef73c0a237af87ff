import { Command } from 'commander';
import { agencyCommands } from './agency-commands.js';
import { effectCommands } from './effect-commands.js';
import { deadLetterCommands } from './dead-letter-commands.js';
import { evidenceCommands } from './evidence-commands.js';
import { packageCommands, tell } from './package-commands.js';
import { auditCommand } from './audit-commands.js';
import { parkedCommands } from './parked-commands.js';
import { redriveCommands } from './redrive-commands.js';
import { whyCommands } from './why-commands.js';

/** `postgang`: data on stdout, messages on stderr; exit codes 0 ok, 1 something does not hold, 2 usage, or it could not be found out. */
const program = new Command('postgang').description('Postgang at the command line').exitOverride();
packageCommands(program);
agencyCommands(program);
parkedCommands(program);
effectCommands(program);
auditCommand(program);
deadLetterCommands(program);
redriveCommands(program);
evidenceCommands(program);
whyCommands(program);
/** The answer is out: what a server that does not answer any more keeps open keeps nobody waiting (milliseconds). */
const LINGER_MS = 2_000;

try {
  await program.parseAsync();
} catch (error) {
  const { code, exitCode } = error as { code?: string; exitCode?: number };
  if (code?.startsWith('commander.') === true) process.exitCode = exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`${tell(error)}\n`);
    process.exitCode = exitCode ?? 1;
  }
}
// behind all that is still on its way to a slow reader
setTimeout(() => process.stdout.write('', () => process.exit()), LINGER_MS).unref();
