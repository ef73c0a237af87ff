import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokerJars } from './jars.mjs';
import { portAnswers } from './ports.mjs';
import { runSupervised, spawnSupervised, untilReady } from './supervised.mjs';
import { needJava } from './tools.mjs';

const FORMAT_MS = 30_000;
const READY_MS = 60_000;

/**
 * A single KRaft broker with small buffers. Clients go on with the address that the broker tells them; for each of `behind` it listens on a port of
 * its own and tells them that one, so that somebody in between stays in between.
 * @param {import('./servers.mjs').Place} place @param {{ port: number, controllerPort: number, behind: readonly { port: number, advertised: number }[] }} ports
 */
export async function startKafka({ dir, cache, log, note, durable }, { port, controllerPort, behind }) {
  const java = needJava(log);
  const jars = await brokerJars(cache, log);
  const home = join(dir, 'kafka');
  mkdirSync(home, { recursive: true });
  const properties = join(home, 'server.properties');
  const log4j = join(home, 'log4j2.properties');
  writeFileSync(properties, settings(join(home, 'data'), port, controllerPort, behind));
  writeFileSync(log4j, LOG4J);
  const classPath = ['-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=file:${log4j}`, '-cp', `${jars}/*`];
  const logFile = join(home, 'kafka.log');
  if (!existsSync(join(home, 'data', 'meta.properties'))) {
    // an id may begin with a dash, hence the form with the equals sign
    const id = `--cluster-id=${randomBytes(16).toString('base64url')}`;
    await runSupervised(java, ['-Xmx64m', ...classPath, 'kafka.tools.StorageTool', 'format', id, '-c', properties], {
      name: "Formatting Kafka's storage",
      logFile,
      cwd: home,
      started: note,
      timeoutMs: FORMAT_MS,
    });
  }
  const broker = spawnSupervised(
    java,
    [
      '-Xms128m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:+ExitOnOutOfMemoryError',
      ...classPath,
      'kafka.Kafka',
      properties,
    ],
    // an orderly shutdown writes what a test's broker never reads again
    { name: 'Kafka', logFile, cwd: home, started: note, stopSignal: durable ? 'SIGTERM' : 'SIGKILL' },
  );
  await untilReady(broker, (signal) => portAnswers(port, signal), READY_MS);
  return { brokers: [`127.0.0.1:${port}`], stop: () => broker.stop(), kill: () => broker.kill(), server: broker };
}

const LOG4J = `status=error
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d %p %c{1} %m%n
`;

/** @param {string} data @param {number} port @param {number} controllerPort @param {readonly { port: number, advertised: number }[]} behind */
const settings = (data, port, controllerPort, behind) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${behind.map((each, index) => `,BEHIND${index}://127.0.0.1:${each.port}`).join('')}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}${behind.map((each, index) => `,BEHIND${index}://127.0.0.1:${each.advertised}`).join('')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT${behind.map((_, index) => `,BEHIND${index}:PLAINTEXT`).join('')}
log.dirs=${data}
auto.create.topics.enable=false
num.network.threads=1
num.io.threads=2
background.threads=2
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
`;
