import { topicName } from '@postgang/pipeline';
import type { Runtime } from '@postgang/runtime';

/** Which agencies' topics a process reads now; the directory asks for a new subscription when this is no longer what it should be. */
const subscribed = new WeakMap<Runtime, string>();
const asKey = (agencies: readonly string[]): string => agencies.join(',');

/**
 * Agencies that hand in over Kafka and whose topics exist. Subscribing to a topic that is not there yet would end the consumer, and every
 * other agency's with it.
 */
export async function subscribableAgencies(runtime: Runtime): Promise<string[]> {
  const rows: { orgnr: string }[] = await runtime.database.query('SELECT orgnr FROM agency WHERE kafka ORDER BY orgnr');
  const existing = rows.length === 0 ? new Set<string>() : await existingTopics(runtime);
  const agencies = rows
    .map(({ orgnr }) => orgnr)
    .filter((orgnr) => existing.has(topicName('letter.submitted.v1.<orgnr>', orgnr)));
  // others ask too, to measure the lag: only the first asks in order to subscribe
  if (!subscribed.has(runtime)) subscribed.set(runtime, asKey(agencies));
  return agencies;
}

/** Subscribes anew when `wanted` is not what is read. Throws when that fails; the next call tries again. */
export async function followAgencies(runtime: Runtime, wanted: readonly string[]): Promise<void> {
  const before = subscribed.get(runtime);
  if (before === undefined || before === asKey(wanted)) return;
  const now = asKey(await subscribableAgencies(runtime));
  if (now === before) return;
  runtime.log.info('the set of agencies with topics of their own changed');
  await runtime.refreshTopics();
  subscribed.set(runtime, now);
}

/** Without the prefix. */
export async function existingTopics({ kafka, kafkaSettings }: Runtime): Promise<ReadonlySet<string>> {
  const { topicPrefix } = kafkaSettings;
  const admin = kafka.admin();
  await admin.connect();
  try {
    const names = await admin.listTopics();
    return new Set(names.filter((name) => name.startsWith(topicPrefix)).map((name) => name.slice(topicPrefix.length)));
  } finally {
    await admin.disconnect();
  }
}
