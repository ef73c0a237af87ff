import type { FieldError } from '../letter/letter-schema.js';

/** The stable types: `https://postgang.no/problems/<name>`. A name is never reused for something else. */
export const PROBLEMS = {
  'invalid-letter': [400, 'The letter is not valid'],
  'invalid-request': [400, 'The request is not valid'],
  unauthenticated: [401, 'A valid access token is needed'],
  'scope-missing': [403, 'The token lacks the scope'],
  'unknown-agency': [403, 'The organisation is not an agency here'],
  'not-delegated': [403, 'The agency has not delegated this to the supplier'],
  'not-found': [404, 'Not found'],
  'letter-not-found': [404, 'The agency has no such letter'],
  'too-slow': [408, 'The request did not come whole in time'],
  'reference-reused': [409, 'The reference belongs to a letter with other content'],
  'document-id-reused': [409, 'The document id belongs to other content'],
  'too-large': [413, 'The request is larger than is taken'],
  'unsupported-media-type': [415, 'The content is not of the declared type, or of a type that is not taken'],
  'too-many-requests': [429, 'Too many requests'],
  'headers-too-large': [431, 'The headers are larger than is taken'],
  'internal-error': [500, 'Something failed here'],
  unavailable: [503, 'Not available at the moment'],
} as const satisfies Record<string, readonly [number, string]>;
export type ProblemName = keyof typeof PROBLEMS;

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** RFC 9457. Thrown anywhere below a controller; nothing of the request is repeated in it. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;

  constructor(
    readonly problem: ProblemName,
    readonly detail?: string,
    readonly errors?: readonly FieldError[],
  ) {
    super(problem);
    this.status = PROBLEMS[problem][0];
  }

  body(): Record<string, unknown> {
    return {
      type: `https://postgang.no/problems/${this.problem}`,
      title: PROBLEMS[this.problem][1],
      status: this.status,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      ...(this.errors === undefined ? {} : { errors: this.errors }),
    };
  }
}
