import 'reflect-metadata';
import { startServers, sweepFolders, MissingTool } from '@postgang/deploy-local';
import { addLocalAgency, launch, settingsFor, type ServiceProcess } from '@postgang/launch';
import { createLogger, kafkaClient, kafkaProducer } from '@postgang/runtime';
import { startSandbox } from '@postgang/sandbox';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Agency, type DemoLetter } from './agency.js';
import { CAST, nationalIdOf, type Part } from './cast.js';
import { letterPdf } from './letter-pdf.js';
import { optionsFrom } from './options.js';

/** `npm run demo [-- --letters N --json --keep --stay]`: real letters over both doors to a cast of recipients, expected and actual ends, counts on both sides. */
const options = optionsFrom(process.argv.slice(2));
const wanted = options.letters;

const AGENCY = '310000027';
const GIVE_UP_MS = 120_000 + wanted * 50;
/** An orderly end takes a second or two; what hangs is left to the supervisors, who end it when we are gone. */
const CLOSE_MS = 5_000;
/** Long enough to see that letters wait for a service that has ended. */
const RESTART_MS = 5_000;
/** What the samples of the README and the command line need, as a shell reads it. */
const FOR_SHELLS = [
  ...['API', 'SANDBOX', 'INGRESS_KEY', 'POSTGRES_URL', 'KAFKA_BROKERS', 'REDIS_URL', 'KEY_RING_FILE', 'DOCUMENT_STORE'],
  'DOCUMENT_KEYS_FILE',
];
const ENV_FILE = '.postgang/demo.env';
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const closing: (() => Promise<unknown>)[] = [];
/** Folder of a demo that keeps nothing. */
let leftBehind: string | undefined;
let isClosing = false;
async function close(): Promise<void> {
  isClosing = true;
  for (const step of closing.splice(0).reverse()) await step().catch(() => undefined);
}
let interrupted = false;
/** Exit code of a demo that has ended and stays. */
let ended: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    // Ctrl-C reaches us from the terminal and from npm: however often it comes, it is one end
    if (interrupted) return;
    interrupted = true;
    say('Stopping …');
    const leave = (): never => {
      // whatever did not stop in time: keys and documents do not stay behind
      if (leftBehind !== undefined) rmSync(leftBehind, { recursive: true, force: true });
      process.exit(ended ?? 130);
    };
    setTimeout(leave, CLOSE_MS);
    void close().then(leave);
  });

try {
  process.exitCode = await demo();
} catch (error) {
  process.exitCode = 1;
  // what breaks while we stop breaks because we stop
  if (interrupted) await new Promise(() => undefined);
  say(
    error instanceof MissingTool
      ? error.message
      : `The demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
} finally {
  await close();
}

interface Sent {
  readonly part: Part;
  readonly letterId: string;
  readonly handedInAt: number;
  endedAfterMs?: number;
  status?: string;
  reason?: string | null;
}

async function demo(): Promise<number> {
  const dir = options.keep ? '.postgang/demo' : `.postgang/demo-${process.pid}`;
  // what killed demos left; a kept one is kept until the next
  sweepFolders('.postgang', options.keep ? 'demo' : 'demo-');
  mkdirSync(dir, { recursive: true });
  if (!options.keep) leftBehind = dir;
  closing.push(() => Promise.resolve(options.keep || rmSync(dir, { recursive: true, force: true })));
  say('Starting Kafka, PostgreSQL and Redis …');
  const servers = await startServers({ dir, log: say, keep: options.keep });
  closing.push(() => servers.stop());
  const sandbox = await startSandbox({ dir: `${dir}/sandbox`, receiptDelayMs: 30 });
  closing.push(() => sandbox.stop());
  say('Starting the six services …');
  const settings = settingsFor(dir, servers, sandbox);
  const launched = await launch(dir, settings, [
    ['integration-point', 'register-lookup', 'receipts', 'notification'],
    ['encryption'],
    ['provider-dispatch'],
  ]);
  closing.push(() => launched.stop());
  launched.processes.forEach(keepRunning);
  const local = await addLocalAgency(settings, sandbox.url, { orgnr: AGENCY, kafka: true });
  const agency = new Agency(launched.api, local);
  if (options.stay)
    tellShells({ ...settings, API: launched.api, SANDBOX: sandbox.url, INGRESS_KEY: local.ingressKey ?? '' });

  say(`Handing in ${wanted} letters over both doors …`);
  const sent = await handIn(agency, settings);
  await follow(agency, sent);
  const counts = (await (await fetch(`${sandbox.url}/admin/counts`)).json()) as {
    messages: { accepted: number; distinctMessageIds: number };
  };
  if (options.keep) say(`Data and logs are kept in ${dir} until the next demo with --keep.`);
  const code = report(sent, counts.messages);
  if (!options.stay) return code;
  ended = code;
  say('All of it goes on running until Ctrl-C.');
  return new Promise(() => undefined);
}

/** As whoever runs services for real does it: one that ends by itself is begun again. */
function keepRunning(service: ServiceProcess): void {
  const { name } = service;
  void service.exited.then(async () => {
    if (isClosing) return;
    const { diedOf } = service;
    say(
      `${name} has ended${diedOf === undefined ? '' : ` (${diedOf})`} and is started again in ${RESTART_MS / 1_000} s.`,
    );
    await delay(RESTART_MS);
    if (isClosing) return;
    service.start();
    keepRunning(service);
    await service.ready().then(
      () => say(`${name} is back.`),
      () => undefined,
    );
  });
}

function tellShells(settings: Readonly<Record<string, string>>): void {
  const lines = [
    ...FOR_SHELLS.map((name) => [name, settings[name] ?? '']),
    ['BROKERS', settings['KAFKA_BROKERS'] ?? ''],
  ];
  writeFileSync(ENV_FILE, lines.map(([name, value]) => `export ${name}='${value}'\n`).join(''), { mode: 0o600 });
  closing.push(() => Promise.resolve(rmSync(ENV_FILE, { force: true })));
  say(`In another shell: . ${ENV_FILE}`);
}

async function handIn(agency: Agency, settings: Readonly<Record<string, string>>): Promise<Sent[]> {
  const body = Array.from(
    { length: 14 },
    (_, index) =>
      `Avsnitt ${index + 1}. Dette er et brev fra Testetaten. Vi viser til saken din, og til opplysningene du har gitt oss tidligere. Brevet er laget for å vise hvordan post går fra etat til innbygger.`,
  );
  const documents = [
    { title: 'Brev', content: await letterPdf('Brev om saken din', [...body, ...body]) },
    { title: 'Vedlegg', content: await letterPdf('Vedlegg', body) },
  ];
  const kafka = kafkaClient(
    { brokers: (settings['KAFKA_BROKERS'] as string).split(','), topicPrefix: '' },
    'demo-agency',
    createLogger('demo', 'warn'),
  );
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  const sent: Sent[] = [];
  const one = async (index: number): Promise<void> => {
    const part = CAST[index % CAST.length] as Part;
    const letter: DemoLetter = {
      reference: `demo-${index + 1}`,
      nationalId: nationalIdOf(part.case),
      kind: part.kind,
      openingReceipt: part.openingReceipt ?? false,
      serviceMessage: part.serviceMessage ?? false,
      returnHandling: part.returnHandling ?? 'RETURN',
      documents,
    };
    const handedInAt = performance.now();
    if (part.door === 'kafka') {
      const { topic, key, value } = await agency.recordForKafka(letter);
      await producer.send({ topic, acks: -1, messages: [{ key, value }] });
      sent.push({ part, letterId: key, handedInAt });
    } else {
      sent.push({ part, letterId: await agency.handInByRest(letter), handedInAt });
    }
  };
  const queue = Array.from({ length: wanted }, (_, index) => index);
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) await one(index);
    }),
  );
  return sent;
}

/** Asks for each letter until it stands where it must, or the time is over. */
async function follow(agency: Agency, sent: readonly Sent[]): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  let open = [...sent];
  let told = -1;
  while (open.length > 0 && performance.now() < deadline) {
    await Promise.all(
      open.map(async (letter) => {
        const known = await agency.status(letter.letterId);
        letter.status = known?.status ?? 'UNKNOWN';
        letter.reason = known?.reason ?? null;
        if (letter.status === letter.part.end) letter.endedAfterMs = performance.now() - letter.handedInAt;
      }),
    );
    open = open.filter((letter) => letter.status !== letter.part.end);
    if (sent.length - open.length !== told) {
      told = sent.length - open.length;
      say(`  ${told} of ${sent.length} have ended as expected`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function report(sent: readonly Sent[], atSandbox: { accepted: number; distinctMessageIds: number }): number {
  const rows = CAST.map((part) => {
    const letters = sent.filter((letter) => letter.part === part);
    const right = letters.filter(
      (letter) => letter.status === part.end && (part.reason === undefined || letter.reason === part.reason),
    );
    const times = right.map((letter) => letter.endedAfterMs ?? 0).sort((a, b) => a - b);
    return {
      recipient: part.case,
      kind: part.kind,
      door: part.door ?? 'rest',
      expected: part.reason === undefined ? part.end : `${part.end} ${part.reason}`,
      actual: [
        ...new Set(
          letters.map((letter) =>
            [letter.status, part.reason === undefined ? undefined : letter.reason].filter(Boolean).join(' '),
          ),
        ),
      ].join(', '),
      letters: letters.length,
      asExpected: right.length,
      medianSeconds:
        times.length === 0 ? null : Number(((times[Math.floor(times.length / 2)] as number) / 1_000).toFixed(2)),
    };
  }).filter((row) => row.letters > 0);
  const dispatched = sent.filter((letter) => letter.part.end !== 'REFUSED').length;
  const ok =
    rows.every((row) => row.letters === row.asExpected) &&
    atSandbox.accepted === dispatched &&
    atSandbox.distinctMessageIds === dispatched;
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ ok, rows, handedOver: { ours: dispatched, sandbox: atSandbox.accepted, distinct: atSandbox.distinctMessageIds } }, undefined, 2)}\n`,
    );
  } else {
    console.table(rows);
    process.stdout.write(
      `Handed over: ours ${dispatched}, counted by the sandbox ${atSandbox.accepted}, distinct ${atSandbox.distinctMessageIds}\n`,
    );
    process.stdout.write(ok ? 'Every letter ended as it must.\n' : 'Something ended differently: see the table.\n');
  }
  return ok ? 0 : 1;
}
