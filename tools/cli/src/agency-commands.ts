import { AgencyError, AgencyRegister, type ListedAgency } from '@postgang/integration-point';
import { KeyRing } from '@postgang/outside';
import {
  createLogger,
  createTopics,
  kafkaClient,
  kafkaSettingsOf,
  parseConfig,
  runtimeConfig,
} from '@postgang/runtime';
import type { Command } from 'commander';
import { UsageError } from './package-input.js';
import { printList } from './print-list.js';
import { kafkaAt, postgres, unusable } from './servers.js';

/** The same names as the services use, so that their environment serves here too. */
const registerConfig = runtimeConfig.pick({}).extend({ POSTGRES_URL: runtimeConfig.shape.POSTGRES_URL.unwrap() });
/** What only an agency with topics of its own needs. */
const topicsConfig = runtimeConfig
  .pick({ KAFKA_BROKERS: true, KAFKA_SSL_CA: true, KAFKA_USERNAME: true, KAFKA_PASSWORD: true, TOPIC_PREFIX: true })
  .extend({ KEY_RING: runtimeConfig.shape.KEY_RING.unwrap() });

const ENVIRONMENT = `
Reads POSTGRES_URL as the services do; "add --kafka" also KEY_RING_FILE, KAFKA_BROKERS, KAFKA_SSL_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD_FILE and TOPIC_PREFIX.`;

/** `postgang agency …`: who may hand in letters. Running services see a change within two seconds. */
export function agencyCommands(program: Command): void {
  const group = program
    .command('agency')
    .description('agencies that may hand in letters')
    .addHelpText('afterAll', ENVIRONMENT);
  group
    .command('add')
    .description('adds an agency or changes it')
    .argument('<orgnr>', 'organisation number')
    .requiredOption('--name <name>', 'its name')
    .option('--kafka', 'gets topics of its own to hand in on and for its statuses; prints its ingress key, a secret')
    .option('--replication <n>', 'replicas of its topics', '1')
    .action(add);
  group
    .command('list')
    .description('all agencies')
    .option('--json', 'one JSON document')
    .action((options: { json?: boolean }) =>
      withRegister(async (register) => printList(await register.list(), options.json, lineOf, 'no agencies')),
    );
  group
    .command('delegate')
    .description('lets a supplier hand in for an agency; narrows what the agency has delegated in Altinn')
    .argument('<agency>')
    .argument('<supplier>')
    .action((agency: string, supplier: string) => withRegister((register) => register.delegate(agency, supplier)));
  group
    .command('withdraw')
    .description('takes a delegation back')
    .argument('<agency>')
    .argument('<supplier>')
    .action((agency: string, supplier: string) =>
      withRegister(async (register) => {
        if (!(await register.withdraw(agency, supplier)))
          throw new AgencyError(`${supplier} had no delegation of ${agency}`);
      }),
    );
}

async function add(orgnr: string, options: { name: string; kafka?: boolean; replication: string }): Promise<void> {
  const replication = Number(options.replication);
  if (!Number.isInteger(replication) || replication < 1 || replication > 9)
    throw new UsageError('--replication takes a whole number from 1 to 9');
  if (options.kafka !== true) {
    await withRegister(async (register) => void (await register.add({ orgnr, name: options.name, kafka: false })));
    return;
  }
  const settings = settingsOf(topicsConfig);
  await withRegister(async (register) => {
    // before the agency: a status for a topic that is not there would stop everybody's
    const log = createLogger('postgang', 'error');
    const kafka = kafkaClient(kafkaSettingsOf(settings), 'postgang', log, { retries: 3 });
    const made = await createTopics(kafka, [orgnr], { prefix: settings.TOPIC_PREFIX, replication }).catch(
      unusable(kafkaAt(settings.KAFKA_BROKERS), `; ${orgnr} is as it was`),
    );
    const { ingressKey } = await register.add({ orgnr, name: options.name, kafka: true });
    process.stderr.write(`${made} topics made. The ingress key of ${orgnr} follows; give it to the agency alone.\n`);
    process.stdout.write(`${ingressKey}\n`);
  }, KeyRing.parse(settings.KEY_RING));
}

async function withRegister(work: (register: AgencyRegister) => Promise<void>, keys?: KeyRing): Promise<void> {
  const { POSTGRES_URL } = settingsOf(registerConfig);
  const away = unusable(postgres(POSTGRES_URL));
  const register = await AgencyRegister.open(POSTGRES_URL, keys).catch(away);
  try {
    await work(register).catch(away);
  } finally {
    await register.close();
  }
}

const settingsOf = <T>(config: Parameters<typeof parseConfig<T>>[1]): T =>
  parseConfig('postgang agency', config, process.env);

const lineOf = ({ orgnr, name, kafka, suppliers }: ListedAgency): string =>
  `${orgnr}  ${kafka ? 'REST, Kafka' : 'REST       '}  ${name}${suppliers.length === 0 ? '' : `  (suppliers: ${suppliers.join(', ')})`}`;
