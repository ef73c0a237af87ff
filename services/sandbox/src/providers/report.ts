import type { AcceptedLetter } from '../access-point/letter.js';
import type { ProviderName } from '../admin/counts.js';
import type { PlannedReceipt } from './receipts.js';

type ReportStatus = 'accepted' | 'delivered' | 'posted' | 'returned' | 'refused';

interface Line {
  readonly conversationId: string;
  readonly at: number;
  readonly status: ReportStatus;
}

/** Every message that a provider got, and where it stands: what a provider's own books say, whatever became of its receipts. */
export class Report {
  private readonly lines = new Map<string, Line>();

  add(
    { messageId, conversationId }: AcceptedLetter,
    provider: ProviderName,
    at: Date,
    plan: readonly PlannedReceipt[],
  ): void {
    this.lines.set(messageId, { conversationId, at: at.getTime(), status: statusOf(provider, plan) });
  }

  /** CSV, line by line: it may be a million. */
  *csv(): Generator<string> {
    yield 'message_id,time,status,conversation_id\n';
    for (const [messageId, { conversationId, at, status }] of this.lines)
      yield `${messageId},${new Date(at).toISOString()},${status},${conversationId}\n`;
  }

  clear(): void {
    this.lines.clear();
  }
}

function statusOf(provider: ProviderName, plan: readonly PlannedReceipt[]): ReportStatus {
  const kinds = new Set(plan.map(({ kind }) => kind));
  if (kinds.has('feil')) return 'refused';
  if (kinds.has('returpostkvittering')) return 'returned';
  if (kinds.has('leveringskvittering')) return provider === 'print' ? 'posted' : 'delivered';
  return 'accepted';
}
