import { KeyRing } from '@postgang/outside';
import { operatorId, Redrive, summaryOf, type StoredPlan, type StoredRecord, type WholePlan } from '@postgang/redrive';
import { createLogger, kafkaClient, kafkaSettingsOf, parseConfig, runtimeConfig } from '@postgang/runtime';
import type { Command } from 'commander';
import { userInfo } from 'node:os';
import { z } from 'zod';
import { filterOf, serviceOf, withFilter, type FilterOptions } from './dead-letter-commands.js';
import { UsageError } from './package-input.js';
import { printList } from './print-list.js';
import { kafkaAt, postgres, unusable } from './servers.js';

/** The same names as the services use, so that their environment serves here too; and two of the command line's own. */
const config = runtimeConfig
  .pick({
    KAFKA_BROKERS: true,
    KAFKA_SSL_CA: true,
    KAFKA_USERNAME: true,
    KAFKA_PASSWORD: true,
    TOPIC_PREFIX: true,
    KEY_RING: true,
  })
  .extend({
    POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap(),
    REDRIVE_RELEASE_ABOVE: z.coerce.number().int().min(0).default(100),
    POSTGANG_OPERATOR: z.string().optional(),
  });

const ENVIRONMENT = `
Reads POSTGRES_URL and KAFKA_BROKERS (with KAFKA_SSL_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD_FILE, TOPIC_PREFIX) as the services do; KEY_RING_FILE where sealed records are to be sent again.
REDRIVE_RELEASE_ABOVE (100): with more records a second person must release the plan.
POSTGANG_OPERATOR: who you are; without it, and without --by, the name that the operating system knows you by. Nothing checks it.`;

const DEFAULT_RATE = 20;
const MOST_RATE = 1_000;

type By = { readonly by?: string };
type Rate = By & { readonly rate: string };

/** `postgang redrive …`: dead letters sent again, by a plan. */
export function redriveCommands(program: Command): void {
  const group = program
    .command('redrive')
    .description('dead letters sent again, by a frozen plan')
    .addHelpText('afterAll', ENVIRONMENT);
  const by = (command: Command): Command => command.option('--by <name>', 'who you are');
  by(withFilter(group.command('plan').description('draws up what would be sent again, and keeps it; sends nothing')))
    .option('--leave-late', 'leaves out what is past its deadline')
    .option('--also-failed', 'also legs whose sender was told that they failed')
    .option('--json', 'one JSON document')
    .action(plan);
  group
    .command('list')
    .description('the newest plans')
    .option('--json', 'one JSON document')
    .action((options: { json?: boolean }) =>
      withRedrive(async (redrive) => {
        const plans = await redrive.list();
        printList(plans, options.json, headline, 'no plans');
      }),
    );
  group
    .command('show')
    .description('what the plan says, what became of it, and who did what')
    .argument('<plan>')
    .option('--records', 'each record')
    .option('--json', 'one JSON document, with each record')
    .action((id: string, options: { json?: boolean; records?: boolean }) =>
      withRedrive(async (redrive) => {
        const whole = await redrive.show(id);
        print(options.json, whole, () => [...told(whole), ...(options.records === true ? whole.records.map(row) : [])]);
      }),
    );
  by(group.command('release').description('by a second person: the plan may be run').argument('<plan>'))
    .option('--hash <hash>', 'of the plan that you looked at')
    .action((id: string, options: By & { hash?: string }) =>
      withRedrive((redrive, me) => redrive.release(id, me(options.by), options.hash)),
    );
  for (const [name, what] of [
    ['run', 'sends the records of the plan again, or goes on where a run died'],
    ['resume', 'goes on with a paused plan'],
  ] as const)
    by(group.command(name).description(what).argument('<plan>'))
      .option('--rate <records>', 'a second', String(DEFAULT_RATE))
      .action((id: string, options: Rate) => carry(name, id, options));
  by(group.command('pause').description('a run ends after the records it has in hand').argument('<plan>')).action(
    (id: string, options: By) => withRedrive((redrive, me) => redrive.pause(id, me(options.by))),
  );
  by(group.command('cancel').description('for good; what was sent stays sent').argument('<plan>')).action(
    (id: string, options: By) => withRedrive((redrive, me) => redrive.cancel(id, me(options.by))),
  );
}

type PlanOptions = FilterOptions & By & { leaveLate?: boolean; alsoFailed?: boolean; json?: boolean };

async function plan(options: PlanOptions): Promise<void> {
  if (options.service === undefined) throw new UsageError('a plan is for one service: --service');
  const service = serviceOf(options.service);
  const filter = filterOf(options);
  await withRedrive(async (redrive, me, { REDRIVE_RELEASE_ABOVE: releaseAbove }) => {
    const { leaveLate: leavePastDeadline = false, alsoFailed = false } = options;
    const whole = await redrive.plan({ service, filter, leavePastDeadline, alsoFailed, releaseAbove }, me(options.by));
    print(options.json, whole, () => told(whole));
  });
}

async function carry(action: 'run' | 'resume', id: string, options: Rate): Promise<void> {
  const rate = Number(options.rate);
  if (!Number.isInteger(rate) || rate < 1 || rate > MOST_RATE)
    throw new UsageError(`--rate takes a whole number from 1 to ${MOST_RATE}`);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    await withRedrive(async (redrive, me) => {
      const done = await redrive[action](id, me(options.by), {
        rate,
        signal: interrupted.signal,
        onProgress: ({ sent, suppressed }) => process.stderr.write(`${sent} sent, ${suppressed} left out\n`),
      });
      const whole = await redrive.show(id);
      process.stdout.write(`${headline(whole)}\n${became(whole.records)}\n`);
      if (!done) process.exitCode = 1;
    });
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function withRedrive(
  work: (redrive: Redrive, me: (by: string | undefined) => string, settings: z.infer<typeof config>) => Promise<void>,
): Promise<void> {
  const settings = parseConfig('postgang redrive', config, process.env);
  const log = createLogger('postgang', 'silent');
  const kafka = kafkaClient(kafkaSettingsOf(settings), 'postgang', log, { retries: 3 });
  const away = unusable([kafkaAt(settings.KAFKA_BROKERS), postgres(settings.POSTGRES_URL)]);
  const redrive = await Redrive.open({
    postgresUrl: settings.POSTGRES_URL,
    kafka,
    topicPrefix: settings.TOPIC_PREFIX,
    keys: settings.KEY_RING === undefined ? new KeyRing(new Map()) : KeyRing.parse(settings.KEY_RING),
  }).catch(away);
  const me = (by: string | undefined): string => operatorId(by ?? settings.POSTGANG_OPERATOR ?? userInfo().username);
  try {
    await work(redrive, me, settings).catch(away);
  } finally {
    await redrive.close();
  }
}

/** Offsets are larger than what JSON's numbers hold. */
function print(json = false, value: unknown, lines: () => readonly string[]): void {
  const replace = (_: string, one: unknown): unknown => (typeof one === 'bigint' ? one.toString() : one);
  process.stdout.write(
    json
      ? `${JSON.stringify(value, replace, 2)}\n`
      : lines()
          .map((text) => `${text}\n`)
          .join(''),
  );
}

const headline = ({ id, service, state, toSend, plannedBy, plannedAt, releasedBy }: StoredPlan): string =>
  `${id}  ${state}  ${service}  ${toSend} to send  planned by ${plannedBy} ${plannedAt.toISOString()}${releasedBy === null ? '' : `, released by ${releasedBy}`}`;

function told(whole: WholePlan): string[] {
  const { records, toSend, suppressed, pastDeadline, oldest, newest, reasons, samples } = summaryOf(whole.records);
  const left = Object.entries(suppressed).map(([why, count]) => `${count} ${why}`);
  const needs = whole.releasedBy === null && toSend > whole.releaseAbove && whole.state === 'PLANNED';
  return [
    headline(whole),
    ...(whole.altered ? ['  ALTERED since it was drawn up: it will not be run'] : []),
    `  hash       ${whole.hash}`,
    `  records    ${records}, of them ${toSend} to be sent again, ${pastDeadline} past their deadline`,
    `  left out   ${left.length === 0 ? 'none' : left.join(', ')}`,
    ...(oldest === null || newest === null ? [] : [`  given up   ${oldest.toISOString()} to ${newest.toISOString()}`]),
    ...reasons.map(({ failure, records: count }) => `  ${String(count).padStart(9)}  ${failure}`),
    ...samples.map(
      (one) => `  sample     ${one.partition}@${one.offset}  ${one.letterId ?? 'no letter'}  ${one.originTopic}`,
    ),
    ...(needs
      ? [`  to be released by a second person: postgang redrive release ${whole.id} --hash ${whole.hash}`]
      : []),
    `  so far     ${became(whole.records)}`,
    ...whole.steps.map(
      ({ at, by, action, particulars }) => `  ${at.toISOString()}  ${by}  ${action}  ${JSON.stringify(particulars)}`,
    ),
  ];
}

function became(records: readonly StoredRecord[]): string {
  const meant = records.filter(({ decision }) => decision === 'send');
  const counts = Map.groupBy(meant, ({ state, outcome }) => (outcome === null ? state.toLowerCase() : outcome));
  return [...counts].map(([what, list]) => `${list.length} ${what}`).join(', ') || 'nothing to send';
}

const row = ({ partition, offset, letterId, originTopic, decision, why, state, outcome, late }: StoredRecord): string =>
  `  ${partition}@${offset}  ${letterId ?? 'no letter'}  ${originTopic}  ${decision}${why === null ? '' : ` (${why})`}  ${state}${outcome === null ? '' : ` (${outcome})`}${late ? '  late' : ''}`;
