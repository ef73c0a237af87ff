import { deadLetterTopic, type ServiceName } from '@postgang/pipeline';
import { TopicReader, type Kafka } from '@postgang/runtime';
import { describe } from './describe.js';
import { matches, type Described, type Filter } from './filter.js';

/** The dead letters of a service, the oldest first: without a database, so that they can be looked at when that is away. */
export async function deadLettersOf(
  kafka: Kafka,
  topicPrefix: string,
  service: ServiceName,
  filter: Filter,
): Promise<Described[]> {
  const reader = await TopicReader.open(kafka, topicPrefix + deadLetterTopic(service));
  try {
    const found: Described[] = [];
    const stretches = filter.since === undefined ? await reader.ends() : await reader.endsSince(filter.since);
    await reader.read(stretches, (record) => {
      const dead = describe(service, record);
      if (matches(filter, dead)) found.push(dead);
    });
    return found.sort((a, b) => a.at.getTime() - b.at.getTime());
  } finally {
    await reader.close();
  }
}
