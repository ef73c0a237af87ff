import { Controller, Inject } from '@nestjs/common';
import { SenderNotAuthorised } from '@postgang/maskinporten';
import { TransientError } from '@postgang/outside';
import type { Registers } from '@postgang/registers';
import {
  failed,
  publish,
  RUNTIME,
  Stage,
  storedDraft,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import { storedRoutes, storeRoutes, type Route } from './db/routes.js';
import { decide } from './decide.js';
import { REGISTERS } from './registers.js';

const LEG = 1;
/** As many as the contact register takes in one call. */
const MOST_PER_CALL = 1_000;
/** A delegation that lapsed is mended by a person at the agency; asking every ten seconds helps nobody. */
const NOT_AUTHORISED_RETRY_MS = 60_000;

@Controller()
export class RegisterLookupStage {
  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(REGISTERS) private readonly registers: Registers,
  ) {}

  /** A letter decided before keeps its decision, even if the registers would answer differently now. */
  @Stage('letter.accepted.v1', { maxBatch: MOST_PER_CALL, everyMs: 200 })
  async handle(batch: readonly Received<'letter.accepted.v1'>[]): Promise<readonly Outcome[]> {
    const database = this.runtime.database;
    const known = await storedRoutes(
      database,
      batch.map(({ event }) => event.letter.letterId),
      LEG,
    );
    const fresh = batch.filter(({ event }) => !known.has(event.letter.letterId));
    const letters = fresh.map(({ event }) => event.letter);
    const decided =
      letters.length === 0 ? [] : await decide(letters, this.registers, this.runtime.keys, this.runtime.clock.now());
    const errors = new Map(
      decided.flatMap((result, index) =>
        result instanceof Error ? [[letters[index]?.letterId, result] as const] : [],
      ),
    );
    const routes = await storeRoutes(
      database,
      decided.filter((result): result is Route => !(result instanceof Error)),
      batch,
    );
    return batch.map(({ event: { letter } }) => {
      const route = known.get(letter.letterId) ?? routes.get(letter.letterId);
      if (route !== undefined)
        return publish(
          storedDraft(route.routed ? 'letter.routed.v1' : 'letter.refused.v1', letter.letterId, route.event),
        );
      const error = errors.get(letter.letterId);
      return failed(
        error instanceof SenderNotAuthorised
          ? new TransientError(error.message, { cause: error, retryAfterMs: NOT_AUTHORISED_RETRY_MS })
          : error,
      );
    });
  }
}
