import { Controller, Inject } from '@nestjs/common';
import { Barred } from '@postgang/outside';
import type { LetterStatusChanged } from '@postgang/pipeline';
import { draft, failed, publish, skip, Stage, type Outcome, type Received } from '@postgang/runtime';
import { AgencyDirectory } from '../agencies/agency-directory.js';

/** Tells an agency on its own topic what became of its letters, and which hand-ins were refused. */
@Controller()
export class StatusStage {
  constructor(@Inject(AgencyDirectory) private readonly agencies: AgencyDirectory) {}

  @Stage('letter.status.v1', { severalPerLetter: true, stateless: true })
  statuses(batch: readonly Received<'letter.status.v1'>[]): Promise<readonly Outcome[]> {
    return Promise.all(batch.map(({ event }) => this.tell(event)));
  }

  @Stage('letter.refused.v1', { severalPerLetter: true, stateless: true })
  refusals(batch: readonly Received<'letter.refused.v1'>[]): Promise<readonly Outcome[]> {
    return Promise.all(
      batch.map(async ({ event: { about, letterId, sender, reference, reason, detail, pointer, refusedAt } }) => {
        // the others reach the agency as a status, from receipts
        if (about !== 'HAND_IN') return skip();
        return this.tell({
          about: 'HAND_IN',
          letterId,
          sender,
          reference,
          seq: 0,
          status: 'REFUSED',
          leg: null,
          channel: null,
          provider: null,
          reason,
          detail,
          pointer,
          at: refusedAt,
        });
      }),
    );
  }

  private async tell(event: LetterStatusChanged): Promise<Outcome> {
    if (!(await this.agencies.usesKafka(event.sender))) return skip();
    if (!(await this.agencies.hasStatusTopic(event.sender)))
      return failed(new Barred('the agency has no status topic'));
    return publish(draft('letter.status.v1.<orgnr>', event.letterId, event, { parameter: event.sender }));
  }
}
