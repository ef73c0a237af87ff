import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { isTraceparent, newTrace, withTrace } from '@postgang/outside';
import { isUuid, letterIdOf } from '@postgang/pipeline';
import { CONFIG, RUNTIME, type Manager, type Runtime } from '@postgang/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AcceptLetters } from '../acceptance/accept-letters.js';
import { Patience, PATIENCE_MS } from '../patience.js';
import { Unsettled } from '../acceptance/unsettled.js';
import type { IntegrationPointConfig } from '../config.js';
import { measure } from '../documents/measure.js';
import { Uploads, type Stored } from '../documents/uploads.js';
import { holdDocuments, uploadsNamed } from '../letter/hold-documents.js';
import { checkLetter } from '../letter/letter-schema.js';
import { DryRun } from '../letter/dry-run.js';
import { sealLetter, type HandedIn } from '../letter/seal-letter.js';
import { whyOf } from '../why/why.js';
import { Authentication, type Caller } from './authentication.js';
import { historyOf, receiptsOf, statusOf } from './letter-status.js';
import { discardAll, readMultipart, type Receiver } from './multipart-letter.js';
import { Problem } from './problem.js';
import { RateLimit } from './rate-limit.js';

/** Dry runs leave nothing, not even something erased. */
const NOWHERE: Receiver = { take: measure, discard: () => Promise.resolve() };

@Controller('v1/letters')
export class LettersController {
  private readonly dryRuns: RateLimit;
  private readonly reads = new Patience('postgres', PATIENCE_MS);

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: IntegrationPointConfig,
    @Inject(Authentication) private readonly authentication: Authentication,
    @Inject(Uploads) private readonly uploads: Uploads,
    @Inject(AcceptLetters) private readonly acceptance: AcceptLetters,
    @Inject(Unsettled) private readonly unsettled: Unsettled,
    @Inject(DryRun) private readonly dryRun: DryRun,
  ) {
    this.dryRuns = new RateLimit(config.DRY_RUNS_PER_MINUTE);
  }

  /** 202 for a letter, 200 for a dry run. */
  @Post()
  @HttpCode(202)
  async handIn(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Query() query: Readonly<Record<string, unknown>>,
  ): Promise<object> {
    const caller = await this.authentication.caller(request, 'postgang:letters.write');
    const isDryRun = isDryRunIn(query);
    if (isDryRun && !this.dryRuns.admit(caller.sender))
      throw new Problem('too-many-requests', 'Dry runs ask the registers; a few a minute are for trying out.');
    const receiver = isDryRun ? NOWHERE : this.uploads;
    const { json, parts } = request.isMultipart()
      ? await readMultipart(request, receiver)
      : { json: request.body, parts: new Map<string, Stored>() };
    let handedIn: HandedIn;
    try {
      handedIn = { ...(await this.check(caller, json, parts)), traceparent: traceOf(request) };
      if (!isDryRun) await this.claimUploads(handedIn);
    } catch (error) {
      await discardAll(receiver, parts);
      throw error;
    }
    if (!isDryRun) return this.accept(handedIn, parts);
    void reply.code(200);
    return withTrace(handedIn.traceparent, () => this.tryOut(handedIn));
  }

  @Get()
  async byReference(@Req() request: FastifyRequest, @Query('reference') reference?: unknown): Promise<object> {
    const { sender } = await this.authentication.caller(request, 'postgang:letters.read');
    if (typeof reference !== 'string' || reference.length < 1 || reference.length > 100)
      throw new Problem('invalid-request', 'The query needs one reference.');
    const letter = await this.read((database) => statusOf(database, sender, letterIdOf(sender, reference)));
    return { letters: letter === undefined ? [] : [letter] };
  }

  @Get(':id')
  async status(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    return this.letter(request, id);
  }

  @Get(':id/history')
  async history(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    const { letterId } = await this.letter(request, id);
    return { letterId, history: await this.read((database) => historyOf(database, letterId)) };
  }

  @Get(':id/receipts')
  async receipts(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    const { letterId } = await this.letter(request, id);
    return { letterId, receipts: await this.read((database) => receiptsOf(database, letterId)) };
  }

  @Get(':id/why')
  async why(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    const { letterId } = await this.letter(request, id);
    const why = await whyOf(this.runtime, letterId);
    if (why === undefined) throw new Problem('letter-not-found');
    return why;
  }

  private async letter(request: FastifyRequest, id: string): Promise<{ letterId: string }> {
    const { sender } = await this.authentication.caller(request, 'postgang:letters.read');
    const letter = isUuid(id) ? await this.read((database) => statusOf(database, sender, id.toLowerCase())) : undefined;
    if (letter === undefined) throw new Problem('letter-not-found');
    return letter;
  }

  private read<T>(ask: (database: Manager) => Promise<T>): Promise<T> {
    return this.reads.wait(() => ask(this.runtime.database));
  }

  private async check(
    caller: Caller,
    json: unknown,
    parts: ReadonlyMap<string, Stored>,
  ): Promise<Omit<HandedIn, 'traceparent'>> {
    const { sender, senderName, supplier } = caller;
    const checked = checkLetter(json, this.config.POSTGANG_ENVIRONMENT);
    if ('errors' in checked) throw new Problem('invalid-letter', undefined, checked.errors);
    const { letter } = checked;
    const held = holdDocuments(sender, letter, parts, await this.uploads.find(uploadsNamed(sender, letter)));
    if ('errors' in held) throw new Problem('invalid-letter', undefined, held.errors);
    const { documents } = held;
    if (parts.size > documents.filter(({ ref }) => [...parts.values()].some(({ stored }) => stored.ref === ref)).length)
      throw new Problem('invalid-request', 'A part is not named by any document.');
    return { sender, senderName, supplier, letter, documents, door: 'REST' };
  }

  private async claimUploads({ sender, letter }: HandedIn): Promise<void> {
    const letterId = letterIdOf(sender, letter.reference);
    const claims = uploadsNamed(sender, letter).map((upload) => ({ ...upload, letterId }));
    if ((await this.uploads.claim(claims)).size > 0)
      throw new Problem('invalid-request', 'A document has been used by another letter; upload it again.');
  }

  /** A letter that may have been written keeps its documents, until it is known whether it was. */
  private async accept(handedIn: HandedIn, parts: ReadonlyMap<string, Stored>): Promise<object> {
    const sealed = sealLetter(this.runtime.keys, handedIn, this.runtime.clock.now());
    const acceptance = await this.acceptance.acceptOne(sealed).catch((error: unknown) => {
      this.unsettled.add(sealed.letterId, [...parts.values()]);
      throw error;
    });
    if (acceptance !== 'accepted') {
      await discardAll(this.uploads, parts);
      if (parts.size < handedIn.documents.length) await this.acceptance.releaseUploads([sealed.letterId]);
    }
    if (acceptance === 'reference-reused') throw new Problem('reference-reused');
    return { letterId: sealed.letterId, status: 'ACCEPTED', href: `/v1/letters/${sealed.letterId}` };
  }

  /** The same checks, and nothing is kept: not the letter, not its reference, not its documents. */
  private async tryOut(handedIn: HandedIn): Promise<object> {
    const { letterId, contentHash } = sealLetter(this.runtime.keys, handedIn, this.runtime.clock.now());
    const known = await this.acceptance.find(letterId);
    if (known !== undefined && !known.contentHash.equals(contentHash)) throw new Problem('reference-reused');
    const { sender, supplier, letter, documents } = handedIn;
    // the registers are asked about a person on the agency's behalf: who asked, and about which letter, must be found later
    this.runtime.log.info({ sender, supplier, letterId }, 'dry run');
    return {
      dryRun: true,
      letterId,
      alreadyHandedIn: known !== undefined,
      way: await this.dryRun.wayOf(sender, letter, documents),
    };
  }
}

/** The caller's own trace (W3C), else a new one. */
function traceOf({ headers: { traceparent } }: FastifyRequest): string {
  return typeof traceparent === 'string' && isTraceparent(traceparent) ? traceparent : newTrace();
}

/** Any other parameter, and anything but true and false, is an error: a letter sent by a misspelt dry run cannot be called back. */
function isDryRunIn({ dryRun: value, ...others }: Readonly<Record<string, unknown>>): boolean {
  if (Object.keys(others).length > 0) throw new Problem('invalid-request', 'The query takes dryRun only.');
  if (value === undefined || value === 'false') return false;
  if (value === 'true' || value === '') return true;
  throw new Problem('invalid-request', 'dryRun takes true or false.');
}
