import { decode, type LetterStatusChanged } from '@postgang/pipeline';
import type { TopicLog } from './topic-log.js';
import type { World } from './world.js';

/** What was said about one letter or hand-in, in the order it was said. */
export const saidOf = (log: TopicLog, letterId: string): LetterStatusChanged[] =>
  log.records
    .filter(({ key, topic }) => key === letterId && topic.startsWith('letter.status'))
    .map(({ value }) => decode('letter.status.v1', value));

/** Waits until this has been said of the letter on the topic that the log follows. */
export async function said(
  world: World,
  log: TopicLog,
  letterId: string,
  what: Partial<LetterStatusChanged>,
): Promise<LetterStatusChanged> {
  const found = (): LetterStatusChanged | undefined =>
    saidOf(log, letterId).find((event) =>
      Object.entries(what).every(([name, value]) => event[name as keyof LetterStatusChanged] === value),
    );
  await log.until(
    () => found() !== undefined,
    45_000,
    () =>
      `${JSON.stringify(what)} was not said of ${letterId}, only ${saidOf(log, letterId)
        .map(({ status }) => status)
        .join(', ')}\n${world.lastWords()}`,
  );
  return found() as LetterStatusChanged;
}

export const untilStatus = (world: World, letterId: string, status: LetterStatusChanged['status']) =>
  said(world, world.statuses, letterId, { status });
