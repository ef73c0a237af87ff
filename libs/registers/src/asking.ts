import { SenderNotAuthorised } from '@postgang/maskinporten';
import { DependencyDown, HttpUnreachable, retryAfterMs, type HttpClient, type HttpResponse } from '@postgang/outside';
import type { z } from 'zod';

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

/** POST with a body, GET without. Anything but a well-formed 200 is DependencyDown, 401 and 403 concern the one sender. */
export async function postJson<T>(
  http: HttpClient,
  name: string,
  path: string,
  token: string,
  body: unknown,
  schema: z.ZodType<T>,
  sender: string,
): Promise<T> {
  let answer: HttpResponse;
  try {
    answer = await http.request({
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
  if (answer.status === 401 || answer.status === 403)
    throw new SenderNotAuthorised(sender, `${name} answered ${answer.status}`);
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
  // paths only: the values are personal
  throw new DependencyDown(name, {
    cause: new Error(`an answer that is not understood at ${checked.error.issues[0]?.path.join('/') ?? ''}`),
  });
}
