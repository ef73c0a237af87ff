/** Everything the access point and the registers refuse with: stable, for machines. RFC 9457 `type` is {@link PROBLEM_BASE} + name. */
export const PROBLEMS = {
  'token-missing': [401, 'No bearer token'],
  'token-invalid': [401, 'The token is not one of Maskinporten’s, has expired, or is meant for another audience'],
  'scope-missing': [403, 'The token lacks a required scope'],
  'consumer-mismatch': [403, 'The token’s consumer is not the sender of the message'],
  'not-yours': [403, 'The message belongs to another technical sender'],
  'invalid-queue': [400, 'kanal must be 1–28 of a–z, A–Z, 0–9, _ and -'],
  'invalid-page': [400, 'page and page_size must be whole numbers from 1'],
  'invalid-request': [400, 'The request breaks the published interface'],
  'invalid-multipart': [400, 'The body must be multipart/form-data with forretningsmelding and dokumentpakke'],
  'too-large': [400, 'The package is larger than 50 MB'],
  'not-a-jws': [400, 'forretningsmelding is not a compact RS256 JWS with x5c'],
  'signature-invalid': [400, 'The signature of forretningsmelding does not hold'],
  'certificate-untrusted': [400, 'The signer’s certificate has no chain to a trusted root'],
  'certificate-expired': [400, 'A certificate of the signer’s chain is not valid now'],
  'message-invalid': [400, 'The business message breaks its schema'],
  'unsupported-type': [400, 'Only digital and utskrift may be sent'],
  'signer-mismatch': [400, 'The signer is neither the token’s supplier nor, without one, its consumer'],
  'technical-sender-mismatch': [400, 'The header’s sender is not the signer'],
  'token-mismatch': [400, 'maskinportentoken in the message is not the bearer token'],
  'unknown-receiver': [400, 'The receiver carries no messages of this type'],
  'digest-mismatch': [400, 'dokumentpakkefingeravtrykk is not the SHA-256 of the package'],
  'duplicate-message-id': [400, 'The message id has been used before'],
  'not-found': [404, 'Unknown id'],
  fault: [503, 'A fault was switched on through /admin/faults'],
} as const satisfies Record<string, readonly [status: number, title: string]>;
export type ProblemName = keyof typeof PROBLEMS;

export const PROBLEM_BASE = 'https://postgang.example/sandbox/problems/';

/** Thrown by a handler; the server answers with it as application/problem+json. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly problem: ProblemName,
    /** Place or reason, never content. */
    readonly detail?: string,
  ) {
    super(detail === undefined ? problem : `${problem}: ${detail}`);
  }

  get status(): number {
    return PROBLEMS[this.problem][0];
  }

  body(): Record<string, unknown> {
    const [status, title] = PROBLEMS[this.problem];
    return { type: PROBLEM_BASE + this.problem, title, status, detail: this.detail ?? title };
  }
}
