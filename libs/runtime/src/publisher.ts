import type { ServiceName } from '@postgang/pipeline';
import type { BatchingSender } from './kafka/sender.js';
import { abandonedMessage, eventMessage } from './outgoing.js';
import type { Draft } from './stage.js';

/** Something that was in hand outside a stage and cannot go on: a person must look. */
export interface Abandoned {
  /** The record it came from, as far as it is known: topic, key and value. */
  readonly draft: Draft;
  readonly attempts: number;
  /** Stable, kebab-case; nothing personal in it. */
  readonly reason: string;
}

/** For what no record causes (REST, workers, timers): rows are written first, then published through here, then marked as published. */
export class Publisher {
  constructor(
    private readonly service: ServiceName,
    private readonly sender: BatchingSender,
  ) {}

  /** Every draft must carry its own id; `abandoned` become dead letters of this service. Throws DependencyDown('kafka'). */
  async publish(drafts: readonly Draft[], abandoned: readonly Abandoned[] = []): Promise<void> {
    await this.sender.send([
      ...drafts.map((draft) => {
        if (draft.id === undefined)
          throw new TypeError(`${draft.topic}: an event without a causing record needs an id`);
        return eventMessage(this.service, draft.id, 0, draft, draft.traceparent);
      }),
      ...abandoned.map((one) => abandonedMessage(this.service, one)),
    ]);
  }
}
