import { clockFrom } from '@postgang/outside';
import { isUuid, letterIdOf } from '@postgang/pipeline';
import { explain, FEWEST_SAMPLES, type Explanation, type Situation } from '@postgang/rules';
import { openReader, parseConfig, runtimeConfig } from '@postgang/runtime';
import type { Command } from 'commander';
import { UsageError } from './package-input.js';
import { printList } from './print-list.js';
import { postgres, unusable } from './servers.js';
import { investigate, type Findings, type WhySettings } from './why/investigation.js';
import { stuckLetters, type StuckLetter } from './why/stuck-letters.js';

/** The same names as the services use, so that their environment serves here too. */
const config = runtimeConfig
  .pick({
    KAFKA_BROKERS: true,
    KAFKA_SSL_CA: true,
    KAFKA_USERNAME: true,
    KAFKA_PASSWORD: true,
    TOPIC_PREFIX: true,
    REDIS_URL: true,
    CLOCK_START: true,
    CLOCK_RATE: true,
  })
  .extend({ POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap() });

const stuckConfig = config.pick({ POSTGRES_URL: true, CLOCK_START: true, CLOCK_RATE: true });

const ENVIRONMENT = `
Reads POSTGRES_URL, KAFKA_BROKERS (with KAFKA_SSL_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD_FILE, TOPIC_PREFIX) and REDIS_URL as the services do.
Whoever of them is away is named, and only its facts are missing. Exit code 1: no such letter.`;

export class WhyError extends Error {
  override readonly name = 'WhyError';
}

const PATIENCE_MS = 5_000;

/** `postgang why` and `postgang stuck`: where a letter is, why, and what to do; and which letters to ask about. */
export function whyCommands(program: Command): void {
  program
    .command('why')
    .description('why a letter is where it is: what must happen next, who owes it, the cause, what to do')
    .argument('[letter]', 'letter id')
    .option('--reference <reference>', "the sender's own reference, instead of the id")
    .option('--sender <orgnr>', 'organisation number of the sender; with --reference')
    .option('--json', 'one JSON document')
    .addHelpText('after', ENVIRONMENT)
    .action(async (letter: string | undefined, options: WhyOptions) => {
      const letterId = idOf(letter, options);
      const found = await investigate(settings('postgang why'), letterId);
      if (found.facts === undefined && !found.situation.silent.includes('database'))
        throw new WhyError('no such letter was handed in');
      const report = reportOf(letterId, found);
      process.stdout.write(options.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report));
    });
  program
    .command('stuck')
    .description('letters that wait much longer than is usual, however far their deadline is')
    .option('--sender <orgnr>', 'of one sender only')
    .option('--at-least <seconds>', 'nothing counts as stuck sooner', '60')
    .option('--most <n>', 'so many at most, the longest waiting first', '100')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nReads POSTGRES_URL as the services do.')
    .action(async (options: { sender?: string; atLeast: string; most: string; json?: boolean }) => {
      const letters = await stuck(options);
      printList(letters, options.json, lineOf, 'no letters are stuck');
    });
}

interface WhyOptions {
  readonly reference?: string;
  readonly sender?: string;
  readonly json?: boolean;
}

function idOf(letter: string | undefined, { reference, sender }: WhyOptions): string {
  if (letter !== undefined && reference === undefined && sender === undefined) {
    if (!isUuid(letter)) throw new UsageError('a letter id is a UUID; --reference takes references');
    return letter.toLowerCase();
  }
  if (letter === undefined && reference !== undefined && sender !== undefined) return letterIdOf(sender, reference);
  throw new UsageError('say which letter: its id, or --reference and --sender');
}

const settings = (command: string): WhySettings => parseConfig(command, config, process.env);

async function stuck(options: { sender?: string; atLeast: string; most: string }): Promise<StuckLetter[]> {
  const { POSTGRES_URL, CLOCK_START, CLOCK_RATE } = parseConfig('postgang stuck', stuckConfig, process.env);
  const [atLeast, most] = [Number(options.atLeast), Number(options.most)];
  if (!(atLeast >= 0)) throw new UsageError('--at-least takes seconds');
  if (!(Number.isInteger(most) && most >= 1 && most <= 10_000)) throw new UsageError('--most takes 1 to 10000');
  const away = unusable(postgres(POSTGRES_URL));
  const database = await openReader(POSTGRES_URL, PATIENCE_MS).catch(away);
  try {
    const now = clockFrom({ start: CLOCK_START, rate: CLOCK_RATE }).now();
    return await stuckLetters(database, { now, atLeastMs: atLeast * 1_000, sender: options.sender, most }).catch(away);
  } finally {
    await database.destroy();
  }
}

type Report = ReturnType<typeof reportOf>;

function reportOf(letterId: string, { situation, facts }: Findings) {
  const explanation: Explanation = explain(situation);
  const { cause, next, turn, late } = explanation;
  return {
    letterId,
    sender: facts?.sender ?? null,
    reference: facts?.reference ?? null,
    status: situation.status ?? null,
    provider: situation.leg?.provider ?? situation.effect?.provider ?? null,
    cause: { id: cause.id, sentence: cause.operator, agencyIsTold: cause.agency, steps: cause.steps },
    next: next ?? null,
    turn: turn ?? null,
    late,
    usual: usualOf(situation),
    signs: signsOf(situation, explanation),
    notAsked: situation.silent,
  };
}

const usualOf = ({ usual, awaited }: Situation) =>
  awaited === undefined || awaited.from === 'postgang'
    ? null
    : {
        enough: usual !== undefined && usual.samples >= FEWEST_SAMPLES,
        samples: usual?.samples ?? 0,
        p50Seconds: usual === undefined ? null : usual.p50Ms / 1_000,
        p95Seconds: usual === undefined ? null : usual.p95Ms / 1_000,
      };

/** The facts that an operator would look for next. */
function signsOf(situation: Situation, { turn }: Explanation): Record<string, unknown> {
  const { effect, lane, parked, retry, dead, setAside, strays, refusal, leg, pulledUntil, services } = situation;
  const all = {
    refusal,
    legReason: leg?.reason ?? undefined,
    ledger: effect,
    others: lane,
    parked,
    retry,
    deadLetter: dead,
    receiptSetAside: setAside,
    receiptsOfUnknownConversations: strays === 0 ? undefined : strays,
    providerAskedUntil: pulledUntil,
    service: turn === undefined ? undefined : services[turn],
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function textOf(report: Report): string {
  const { next, usual, cause } = report;
  const lines = [
    `Letter ${report.letterId}  ${report.status ?? 'status unknown'}${report.provider === null ? '' : `  ${report.provider}`}`,
    ...(report.reference === null ? [] : [`  of      ${report.sender}, reference ${report.reference}`]),
    `  cause   ${cause.id}: ${cause.sentence}`,
    next === null
      ? '  next    nothing'
      : `  next    ${next.event}, owed by ${next.owedBy}${since(next.since)}${next.by === null ? '' : `, by ${next.by.toISOString()}`}${report.late ? '  LATER THAN USUAL' : ''}`,
    ...(usual === null ? [] : [`  usual   ${usualText(usual)}`]),
    ...Object.entries(report.signs).map(([name, value]) => `  sign    ${name}: ${JSON.stringify(value)}`),
    ...cause.steps.map((step, index) => `  ${index === 0 ? 'do    ' : '      '}  ${index + 1}. ${step}`),
    ...report.notAsked.map((source) => `  !       ${source} does not answer: what it knows is missing here`),
  ];
  return `${lines.join('\n')}\n`;
}

const since = (at: Date | null): string => (at === null ? '' : ` since ${at.toISOString()}`);
const usualText = ({ enough, samples, p50Seconds, p95Seconds }: NonNullable<Report['usual']>): string =>
  enough && p50Seconds !== null && p95Seconds !== null
    ? `half of its answers within ${seconds(p50Seconds)}, 95 % within ${seconds(p95Seconds)} (last ${samples})`
    : `too few answers of late to tell (${samples})`;
const seconds = (value: number): string => (value < 120 ? `${value.toFixed(1)} s` : `${(value / 60).toFixed(0)} min`);

const lineOf = ({ letterId, sender, reference, awaits, owedBy, waitedSeconds, p95Seconds }: StuckLetter): string =>
  `${letterId}  ${sender ?? '?'}/${reference ?? '?'}  ${awaits} from ${owedBy} for ${seconds(waitedSeconds)}${p95Seconds === null ? '' : `, usually ${seconds(p95Seconds)}`}`;
