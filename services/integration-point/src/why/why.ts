import { explain, FEWEST_SAMPLES, type Explanation, type Situation } from '@postgang/rules';
import { classifyDatabaseError, type Runtime } from '@postgang/runtime';
import { z } from 'zod';
import { letterFacts } from './letter-facts.js';
import { serviceStates } from './service-states.js';

const time = z.iso.datetime().nullable();

/** What an agency is told of why its letter is where it is. */
export const whySchema = z.object({
  letterId: z.uuid(),
  status: z.string(),
  cause: z.object({
    id: z.string().describe('stable, for machines; new ones may be added'),
    sentence: z.string().describe('for people'),
  }),
  next: z
    .object({
      event: z.string().describe('Routed, Sealed, HandedOver, Delivered, ReceivedForPrint, Posted, Notified'),
      owedBy: z.string().describe('postgang, or the provider'),
      since: time,
      by: time.describe('when it counts as late'),
    })
    .nullable()
    .describe('what must happen next; null when nothing must'),
  late: z.boolean().describe('past its deadline, or more than twice as long as nearly all others at that provider'),
  usual: z
    .object({
      provider: z.string(),
      samples: z.int().describe('of the last 200 answers of the provider'),
      p50Seconds: z.number(),
      p95Seconds: z.number(),
    })
    .nullable()
    .describe(
      `how long the provider takes now; null below ${FEWEST_SAMPLES} answers, or when it is not the provider's turn`,
    ),
});
export type Why = z.infer<typeof whySchema>;

/** Undefined when nobody handed in such a letter. Throws DependencyDown('postgres'). */
export async function whyOf(
  { database, redis, clock, kafkaSettings }: Runtime,
  letterId: string,
): Promise<Why | undefined> {
  const now = clock.now();
  try {
    const [facts, services] = await Promise.all([
      letterFacts(database, letterId, now),
      redis === undefined ? undefined : serviceStates(redis, kafkaSettings.topicPrefix),
    ]);
    if (facts === undefined) return undefined;
    // an agency hears nothing of single records: what went wrong with them is not for it to read
    const situation: Situation = {
      ...facts,
      now,
      silent: [],
      retry: undefined,
      dead: undefined,
      services: services ?? {},
    };
    return told(letterId, situation, explain(situation));
  } catch (error) {
    throw classifyDatabaseError(error);
  }
}

function told(letterId: string, { status, usual, leg }: Situation, { cause, next, late }: Explanation): Why {
  return {
    letterId,
    status: status ?? 'ACCEPTED',
    cause: { id: cause.id, sentence: cause.agency },
    next:
      next === undefined
        ? null
        : {
            event: next.event,
            owedBy: next.owedBy,
            since: next.since?.toISOString() ?? null,
            by: next.by?.toISOString() ?? null,
          },
    late,
    usual:
      usual === undefined || usual.samples < FEWEST_SAMPLES || leg?.provider == null
        ? null
        : {
            provider: leg.provider,
            samples: usual.samples,
            p50Seconds: usual.p50Ms / 1_000,
            p95Seconds: usual.p95Ms / 1_000,
          },
  };
}
