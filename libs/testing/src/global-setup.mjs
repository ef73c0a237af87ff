import { startServers, sweepFolders } from '@postgang/deploy-local';

const PREFIX = 'test-';

/**
 * Kafka, PostgreSQL and Redis once for a whole run, without fsync; every spec file takes its own database and topic prefix (servers.ts).
 * `POSTGANG_TEST_SERVERS=none` leaves them out, for pure specs alone.
 */
export default async function globalSetup() {
  if (process.env.POSTGANG_TEST_SERVERS === 'none') return;
  sweepFolders('.postgang', PREFIX);
  const servers = await startServers({
    dir: `.postgang/${PREFIX}${process.pid}`,
    durable: false,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.env.POSTGANG_TEST_KAFKA = servers.kafka.brokers.join(',');
  process.env.POSTGANG_TEST_POSTGRES = servers.postgres.url;
  process.env.POSTGANG_TEST_REDIS = servers.redis.url;
  // Jest shares nothing else with the teardown
  Object.assign(globalThis, { postgangTestServers: servers });
}
