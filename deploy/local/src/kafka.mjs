import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brokerJars } from './jars.mjs';
import { freePorts, portAnswers } from './ports.mjs';
import { spawnSupervised, untilReady } from './supervised.mjs';

const READY_MS = 60_000;

/** A single KRaft broker with small buffers. @param {{ dir: string, cache: string, log: (line: string) => void, port?: number }} options */
export async function startKafka({ dir, cache, log, port: wanted }) {
  const jars = brokerJars(cache, log);
  const home = join(dir, 'kafka');
  mkdirSync(home, { recursive: true });
  const [free, controllerPort] = await freePorts(2);
  const port = wanted ?? free;
  const properties = join(home, 'server.properties');
  writeFileSync(properties, settings(join(home, 'data'), port, controllerPort));
  writeFileSync(join(home, 'log4j2.properties'), LOG4J);
  if (!existsSync(join(home, 'data', 'meta.properties'))) {
    // an id may begin with a dash, hence the form with the equals sign
    const id = randomBytes(16).toString('base64url');
    await promisify(execFile)('java', [
      '-Xmx64m',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      `${jars}/*`,
      'kafka.tools.StorageTool',
      'format',
      `--cluster-id=${id}`,
      '-c',
      properties,
    ]);
  }
  const broker = spawnSupervised(
    'java',
    // prettier-ignore
    ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=file:${join(home, 'log4j2.properties')}`, '-cp', `${jars}/*`, 'kafka.Kafka', properties],
    { name: 'Kafka', logFile: join(home, 'kafka.log') },
  );
  await untilReady(broker, (signal) => portAnswers(port, signal), READY_MS);
  return { brokers: [`127.0.0.1:${port}`], stop: () => broker.stop(), pid: broker.pid };
}

const LOG4J = `status=error
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d %p %c{1} %m%n
`;

const settings = (data, port, controllerPort) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
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
