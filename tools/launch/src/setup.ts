import { createLogger, createTopics, kafkaClient } from '@postgang/runtime';
import { mkdirSync } from 'node:fs';
import { localSecrets } from './secrets.js';

/** `setup.js <folder>`: keys of a local Postgang, and all topics of the table, where they are missing. */
const [folder] = process.argv.slice(2);
const brokers = process.env['KAFKA_BROKERS'];
if (folder === undefined || brokers === undefined) {
  process.stderr.write('usage: KAFKA_BROKERS=<host:port> setup.js <folder>\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
localSecrets(folder);
const kafka = kafkaClient({ brokers: brokers.split(','), topicPrefix: '' }, 'setup', createLogger('setup', 'error'));
const made = await createTopics(kafka, [], { prefix: '', replication: 1 });
process.stdout.write(`${made} topics made\n`);
process.exit(0);
