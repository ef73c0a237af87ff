/**
 * A last net under the rule that nothing personal is logged: eleven digits in a row (national identity numbers, also with the blank after
 * six), e-mail addresses and bearer tokens are replaced.
 */
const NATIONAL_ID = /(?<![0-9A-Za-z-])\d{6}[ ]?\d{5}(?![0-9A-Za-z-])/g;
const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g;
const TOKEN = /\beyJ[\w-]{8,}(?:\.[\w-]+){1,4}/g;

export function scrub(text: string): string {
  return text.replace(TOKEN, '[token]').replace(NATIONAL_ID, '[national-id]').replace(EMAIL, '[e-mail]');
}

/** What may be said of an error outside the process: its class and its scrubbed message, at most 300 characters. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `thrown ${typeof error}`;
  return scrub(text).slice(0, 300);
}
