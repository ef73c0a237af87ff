import type { ServiceName } from '@postgang/pipeline';
import type { BatchingSender } from './kafka/sender.js';
import { eventMessage } from './outgoing.js';
import type { Draft } from './stage.js';

/** For what no record causes (REST, workers, timers): rows are written first, then published through here, then marked as published. */
export class Publisher {
  constructor(
    private readonly service: ServiceName,
    private readonly sender: BatchingSender,
  ) {}

  /** Every draft must carry its own id. Throws DependencyDown('kafka'). */
  async publish(drafts: readonly Draft[]): Promise<void> {
    await this.sender.send(
      drafts.map((draft) => {
        if (draft.id === undefined)
          throw new TypeError(`${draft.topic}: an event without a causing record needs an id`);
        return eventMessage(this.service, draft.id, 0, draft, draft.traceparent);
      }),
    );
  }
}
