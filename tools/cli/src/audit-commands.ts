import { clockFrom } from '@postgang/outside';
import { isOrganisationNumber } from '@postgang/rules';
import { createLogger, kafkaClient, kafkaSettingsOf, parseConfig, runtimeConfig } from '@postgang/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { Broker, withPlace } from './audit/broker.js';
import { closeBooks } from './audit/close-books.js';
import { momentOf, periodOf } from './audit/period.js';
import { asDocument, inWords, type Books } from './audit/show-books.js';
import { Snapshot } from './audit/snapshot.js';
import { UsageError } from './package-input.js';
import { kafkaAt, postgres, unusable } from './servers.js';

/** The same names as the services use, so that their environment serves here too. */
const config = runtimeConfig
  .pick({
    CLOCK_START: true,
    CLOCK_RATE: true,
    KAFKA_SSL_CA: true,
    KAFKA_USERNAME: true,
    KAFKA_PASSWORD: true,
    TOPIC_PREFIX: true,
  })
  .extend({
    POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap(),
    KAFKA_BROKERS: runtimeConfig.shape.KAFKA_BROKERS.optional(),
    OWNED_PROVIDERS: z.string().default('digipost,eboks,print'),
  });

const HELP = `
A day (2026-11-24) is the Norwegian one; a moment is ISO 8601 with its offset. --to is not included.
Exit codes: 0 the books close, 1 they do not, 2 usage, or a server cannot be used.
Reads POSTGRES_URL with a role that is granted postgang_operations_reader; with KAFKA_BROKERS (KAFKA_SSL_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD_FILE,
TOPIC_PREFIX) also what nobody has read and where a missing letter lies; OWNED_PROVIDERS as provider-dispatch has it.`;

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly day?: string;
  readonly sender?: string;
  readonly json?: boolean;
  readonly handedIn?: string;
  readonly providerReport?: string;
  readonly providerReportUntil?: string;
  readonly asOf?: string;
  readonly list: string;
}

const MOST_LISTED = 1_000_000;
const PROGRESS_MS = 2_000;

/** `postgang audit`: whether the books of a period close. */
export function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('lays all books of a period beside each other and lists every letter that does not add up')
    .option('--from <day or moment>', 'letters accepted from then on')
    .option('--to <day or moment>', 'and before then')
    .option('--day <day>', 'letters accepted on that day')
    .option('--sender <orgnr>', 'of one agency only')
    .option(
      '--handed-in <file>',
      'CSV of what agencies say they handed in: reference, and sender where there are several',
    )
    .option(
      '--provider-report <file or url>',
      "the provider's own report: CSV message_id,time,status[,conversation_id], or JSON",
    )
    .option('--provider-report-until <moment>', 'the report tells of everything until then (now)')
    .option('--as-of <moment>', 'deadlines before it have passed (now, in business time)')
    .option('--list <n>', 'so many imbalances are listed; all are counted', '10000')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP)
    .action(audit);
}

async function audit(options: Options): Promise<void> {
  const { from, to } = periodOf(options);
  const settings = parseConfig('postgang audit', config, process.env);
  const clock = clockFrom({ start: settings.CLOCK_START, rate: settings.CLOCK_RATE });
  const now = options.asOf === undefined ? clock.now() : momentOf(options.asOf, '--as-of');
  const aheadMs = now.getTime() - clock.now().getTime();
  const { sender } = options;
  if (sender !== undefined && !isOrganisationNumber(sender))
    throw new UsageError('--sender takes an organisation number');
  const most = Number(options.list);
  if (!Number.isInteger(most) || most < 0 || most > MOST_LISTED)
    throw new UsageError(`--list takes a whole number from 0 to ${MOST_LISTED}`);
  const databaseAway = unusable(postgres(settings.POSTGRES_URL));
  const snapshot = await Snapshot.open(settings.POSTGRES_URL).catch(databaseAway);
  try {
    const tally = await closeBooks(snapshot, {
      ...{ from, to, now, aheadMs, sender, most },
      ownedProviders: settings.OWNED_PROVIDERS.split(','),
      handedIn: options.handedIn,
      providerReport: options.providerReport,
      reportedUntil:
        options.providerReportUntil === undefined
          ? undefined
          : momentOf(options.providerReportUntil, '--provider-report-until'),
      progress: progress(),
    }).catch(databaseAway);
    let unread: Books['unread'];
    if (settings.KAFKA_BROKERS !== undefined) {
      const kafka = { ...settings, KAFKA_BROKERS: settings.KAFKA_BROKERS };
      const brokerAway = unusable([kafkaAt(settings.KAFKA_BROKERS), postgres(settings.POSTGRES_URL)]);
      const broker = new Broker(
        kafkaClient(kafkaSettingsOf(kafka), 'postgang-audit', createLogger('postgang', 'error'), { retries: 3 }),
        settings.TOPIC_PREFIX,
      );
      const positions = await broker.positions(snapshot).catch(brokerAway);
      unread = positions.unread;
      for (const { service, topic, records } of positions.lost)
        tally.list({
          ...{ letterId: null, sender: null, reference: null, cause: 'unread-and-gone' },
          says: `${records} records of ${topic} fell out of retention before ${service} read them`,
        });
      const missing = new Map(
        tally.listed.flatMap(({ letterId, sender: of }) => (letterId === null ? [] : [[letterId, of] as const])),
      );
      if (missing.size > 0) {
        const places = await broker.setAside(missing).catch(brokerAway);
        tally.listed.splice(0, tally.listed.length, ...withPlace(tally.listed, places));
      }
    }
    const books = { from, to, now, sender, tally, unread };
    process.stdout.write(
      options.json === true ? `${JSON.stringify(asDocument(books), undefined, 2)}\n` : inWords(books),
    );
    if (!tally.closed) process.exitCode = 1;
  } finally {
    await snapshot.close();
  }
}

function progress(): (done: number, of: number) => void {
  let last = performance.now();
  return (done, of) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    process.stderr.write(`${done} of ${of} letters\n`);
  };
}
