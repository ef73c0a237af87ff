import { mkdirSync, rmSync } from 'node:fs';
import { startServers } from '../../../deploy/local/src/index.mjs';

/** Kafka, PostgreSQL and Redis once for a whole run; every spec file takes its own database and topic prefix. `POSTGANG_TEST_SERVERS=none` leaves them out. */
export default async function globalSetup() {
  if (process.env.POSTGANG_TEST_SERVERS === 'none') return;
  const dir = `.postgang/test-${process.pid}`;
  mkdirSync(dir, { recursive: true });
  const servers = await startServers({ dir, durable: false, log: (line) => process.stderr.write(`${line}\n`) });
  process.env.POSTGANG_TEST_KAFKA = servers.kafka.brokers.join(',');
  process.env.POSTGANG_TEST_POSTGRES = servers.postgres.url;
  process.env.POSTGANG_TEST_REDIS = servers.redis.url;
  globalThis.postgangTestServers = {
    stop: async () => {
      await servers.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
