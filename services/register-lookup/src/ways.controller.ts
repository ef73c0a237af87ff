import { Body, Controller, HttpCode, HttpException, Inject, Post } from '@nestjs/common';
import { DependencyDown, NotOpenable, UnknownKey } from '@postgang/outside';
import { isUuid } from '@postgang/pipeline';
import { findWays, RegisterDenied, type Registers, type Way } from '@postgang/registers';
import { kindOf } from '@postgang/rules';
import { RUNTIME, type Runtime } from '@postgang/runtime';
import { z } from 'zod';
import { REGISTERS } from './registers.js';

/** A question is good for so long (milliseconds): one that was overheard cannot be asked again later. */
const GOOD_FOR_MS = 60_000;

const request = z.strictObject({ id: z.string().refine(isUuid), question: z.base64().max(8_192) });
const question = z.strictObject({
  sender: z.string().regex(/^\d{9}$/),
  nationalId: z.string().regex(/^\d{11}$/),
  kind: z.string().transform((text, context) => kindOf(text) ?? (context.addIssue('unknown kind'), z.NEVER)),
  hasPrintOptions: z.boolean(),
  onlyPdf: z.boolean(),
  askedAt: z.number(),
});

/** What is told: nothing that the letter itself would not tell its sender afterwards. */
export type WayAnswer =
  | { readonly channel: 'digital-mailbox' | 'print'; readonly provider: string; readonly rule: string }
  | { readonly refused: string };

/**
 * How a letter would go, for dry runs; inside only. The question is a sealed string of scope `internal`: whoever can seal one holds our keys,
 * so it proves who asks, and the national id is readable to nobody on the way.
 */
@Controller('internal/ways')
export class WaysController {
  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(REGISTERS) private readonly registers: Registers,
  ) {}

  @Post()
  @HttpCode(200)
  async find(@Body() body: unknown): Promise<WayAnswer> {
    const asked = this.open(body);
    let way: Way | Error | undefined;
    try {
      [way] = await findWays([asked], this.registers, this.runtime.clock.now());
    } catch (error) {
      if (error instanceof DependencyDown) throw new HttpException({ away: error.dependency }, 503);
      throw error;
    }
    if (way instanceof DependencyDown) throw new HttpException({ away: way.dependency }, 503);
    if (way instanceof RegisterDenied) throw new HttpException({ away: 'the agency has no access' }, 502);
    if (way === undefined || way instanceof Error) throw new HttpException({ away: 'no answer for this person' }, 502);
    const { decision } = way;
    if ('refuse' in decision) return { refused: decision.refuse };
    const provider = decision.channel === 'print' ? 'print' : decision.provider;
    return { channel: decision.channel, provider, rule: decision.rule };
  }

  private open(body: unknown): z.infer<typeof question> {
    const outer = request.safeParse(body);
    if (!outer.success) throw new HttpException({}, 400);
    let text: string;
    try {
      text = this.runtime.keys.open('internal', outer.data.id, 'way', Buffer.from(outer.data.question, 'base64'));
    } catch (error) {
      if (error instanceof NotOpenable || error instanceof UnknownKey) throw new HttpException({}, 401);
      throw error;
    }
    const asked = question.safeParse(JSON.parse(text));
    if (!asked.success) throw new HttpException({}, 400);
    if (Math.abs(Date.now() - asked.data.askedAt) > GOOD_FOR_MS) throw new HttpException({}, 401);
    return asked.data;
  }
}
