import type { World } from './world.js';

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  // what a stranger may answer with; specs compare it whole
  readonly body: Record<string, unknown>;
}

/** One call of the API; without `token` the agency's own, with `null` none at all. */
export async function ask(
  world: World,
  path: string,
  { token, ...init }: RequestInit & { token?: string | null } = {},
): Promise<Answer> {
  const bearer = token === undefined ? await world.agency.token() : token;
  const headers = new Headers(init.headers);
  if (bearer !== null) headers.set('authorization', `Bearer ${bearer}`);
  const answer = await fetch(world.api + path, { ...init, headers }).catch((error: unknown) => {
    throw new Error(`no answer from the API. The services' last words:\n${world.lastWords()}`, { cause: error });
  });
  const text = await answer.text();
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

/** As `ask`, where only a good answer will do. */
export async function read<T>(world: World, path: string): Promise<T> {
  const { status, body } = await ask(world, path);
  if (status !== 200) throw new Error(`GET ${path}: ${status}`);
  return body as T;
}

export const problem = (name: string): string => `https://postgang.no/problems/${name}`;
