import { topicOf } from '@postgang/pipeline';
import { ORIGIN_TOPIC, type LyingRecord } from '@postgang/runtime';

/** What is known of a letter beside its id, as far as it is known. */
export interface Whose {
  readonly letterId: string;
  readonly sender: string | null | undefined;
  /** Of the leg that receipts would be about, and who carries it. */
  readonly conversationId?: string;
  readonly provider?: string | null | undefined;
}

/**
 * Whether a record in a retry tier or among the dead letters is this letter's. Its key alone does not say so where others write: an agency may name
 * any letter as the key of its hand-in, an adapter any conversation. The topic that it first lay in tells who wrote it, and is our own word.
 */
export function isOf({ key, headers }: LyingRecord, { letterId, sender, conversationId, provider }: Whose): boolean {
  const origin = topicOf(headers[ORIGIN_TOPIC] ?? '');
  const named = key.toLowerCase();
  if (origin === undefined) return false;
  const { topic, parameter } = origin;
  if (topic.key === 'conversationId') return named === conversationId && (provider == null || parameter === provider);
  if (named !== letterId) return false;
  return !(topic.writers as readonly string[]).includes('agency') || (sender != null && parameter === sender);
}
