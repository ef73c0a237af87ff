import type { ServiceName } from '@postgang/pipeline';
import type { BatchingSender } from './kafka/sender.js';
import { abandonedMessage, eventMessage, resumedMessage } from './outgoing.js';
import type { Draft } from './stage.js';

/** Something that was in hand outside a stage and cannot go on: a person must look. */
export interface Abandoned {
  /** The record it came from, as far as it is known: topic, key and value. */
  readonly draft: Draft;
  readonly attempts: number;
  /** Stable, kebab-case; nothing personal in it. */
  readonly reason: string;
}

/** A record that a stage put by in its database (`skip('parked')`), to be handled now. */
export interface Resumed {
  /** The record: topic, key, value and the id it came with. */
  readonly draft: Draft & { readonly id: string };
  /** Attempts made before it was put by; waiting burns none. */
  readonly attempts: number;
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

  /** Gives records back to the service's own stage. Throws DependencyDown('kafka'). */
  async resume(records: readonly Resumed[]): Promise<void> {
    const now = Date.now();
    await this.sender.send(records.map((record) => resumedMessage(this.service, record, now)));
  }
}
