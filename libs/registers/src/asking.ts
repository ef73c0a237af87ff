import { SenderNotAuthorised, type MaskinportenTokens, type Token, type TokenWish } from '@postgang/maskinporten';
import { DependencyDown, HttpUnreachable, retryAfterMs, type HttpClient, type HttpResponse } from '@postgang/outside';
import type { z } from 'zod';

export type RegisterName = 'krr' | 'folkeregisteret';

export interface Asked {
  readonly nationalId: string;
  /** Organisation number of the agency whose letter the question is about. */
  readonly sender: string;
}

export interface Question extends Asked {
  readonly index: number;
}

export function bySender(asked: readonly Asked[]): [string, Question[]][] {
  const groups = new Map<string, Question[]>();
  asked.forEach((question, index) => {
    const group = groups.get(question.sender);
    if (group === undefined) groups.set(question.sender, [{ ...question, index }]);
    else group.push({ ...question, index });
  });
  return [...groups];
}

export function* chunks<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size);
}

/** Where and as whom a register is asked. */
export interface Errand {
  readonly http: HttpClient;
  readonly tokens: MaskinportenTokens;
  /** Names the register in errors. */
  readonly name: RegisterName;
  /** Whose token: each agency has its own legal basis. */
  readonly sender: string;
  readonly scopes: readonly string[];
  readonly resource?: string;
}

/** The agency may not ask this register, by its token or for want of one: only letters that need it wait, and only that agency's. */
export class RegisterDenied extends SenderNotAuthorised {
  constructor(
    readonly register: RegisterName,
    agency: string,
    why: string,
    cause?: unknown,
  ) {
    super(agency, `${register} ${why}`);
    this.cause = cause;
  }
}

/** The register says that the question itself is wrong (400). Nobody else's answer is known to be wrong, so until it is narrowed down it counts as down. */
export class QuestionRefused extends DependencyDown {}

/** The register broke on the question (500). That may be one person's doing, whom it cannot be asked about, or its own state: then it is down. */
export class QuestionFailed extends DependencyDown {}

/**
 * POST with a body, GET without. A token that is no good any more (401) is fetched anew once; after that 401 and 403 are RegisterDenied.
 * Anything else but a well-formed 200 is DependencyDown; 400 and 500 are kinds of it of their own.
 */
export async function ask<T>(errand: Errand, path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
  const { http, name, sender, scopes, resource, tokens } = errand;
  const wish = { agency: sender, scopes, ...(resource === undefined ? {} : { resource }) };
  let token = await tokenFor(errand, wish);
  let answer = await post(http, name, path, token.token, body);
  if (answer.status === 401) {
    await tokens.discard(wish, token);
    token = await tokenFor(errand, wish);
    answer = await post(http, name, path, token.token, body);
  }
  if (answer.status === 401 || answer.status === 403)
    throw new RegisterDenied(name, sender, `answered ${answer.status}`);
  if (answer.status === 400) throw new QuestionRefused(name, { cause: new Error('status 400') });
  if (answer.status === 500) throw new QuestionFailed(name, { cause: new Error('status 500') });
  const wait = retryAfterMs(answer.headers, new Date());
  if (answer.status !== 200)
    throw new DependencyDown(name, {
      cause: new Error(`status ${answer.status}`),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    });
  let json: unknown;
  try {
    json = answer.json();
  } catch (error) {
    throw new DependencyDown(name, { cause: error });
  }
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data;
  throw new DependencyDown(name, { cause: new Error(`an answer that is not understood at ${placeOf(checked.error)}`) });
}

async function tokenFor({ tokens, name, sender }: Errand, wish: TokenWish): Promise<Token> {
  try {
    return await tokens.tokenFor(wish);
  } catch (error) {
    if (error instanceof SenderNotAuthorised) throw new RegisterDenied(name, sender, 'has no token for us', error);
    throw error;
  }
}

async function post(http: HttpClient, name: string, path: string, token: string, body: unknown): Promise<HttpResponse> {
  try {
    return await http.request({
      method: body === undefined ? 'GET' : 'POST',
      path,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (error instanceof HttpUnreachable) throw new DependencyDown(name, { cause: error });
    throw error;
  }
}

/** Paths only: the values are personal. */
const placeOf = (error: z.ZodError): string => error.issues[0]?.path.join('/') ?? '';
