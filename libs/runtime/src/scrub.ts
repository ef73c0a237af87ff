/**
 * A last net under the rule that nothing personal or secret is logged: national identity numbers (eleven digits, also with a blank after six),
 * e-mail addresses, Norwegian mobile numbers, tokens, private keys and passwords in addresses are replaced.
 */
const NETS: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, '[private-key]'],
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g, '[token]'],
  [/\b(bearer\s+)[\w.~+/=-]{8,}/gi, '$1[token]'],
  [/(\/\/[^\s/:@"]{1,100}:)[^\s/@"]{1,200}@/g, '$1[password]@'],
  [/[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g, '[e-mail]'],
  [/(?<![0-9A-Za-z-])\d{6}[ ]?\d{5}(?![0-9A-Za-z-])/g, '[national-id]'],
  [/(?<![0-9A-Za-z])(?:\+|00)47[ ]?\d{2}(?:[ ]?\d{2}){3}(?!\d)/g, '[mobile]'],
];

export function scrub(text: string): string {
  return NETS.reduce((scrubbed, [net, replacement]) => scrubbed.replace(net, replacement), text);
}

/** Messages of PostgreSQL and of V8's JSON parser quote what they were given. */
const QUOTES: readonly [RegExp, string][] = [
  [/(\bKey \([^)]{1,200}\)=\()[^]*?\)(?= (?:already exists|is not present|conflicts|is still)|$)/g, '$1[value])'],
  [/(\binvalid input (?:syntax|value) for [^:\n]{1,80}: |\bout of range: )"[^]*"/g, '$1[value]'],
  [/(\bUnexpected [^,\n]{1,60}, )[^]*( is not valid JSON)/g, '$1[value]$2'],
];

/** An error's message without the values it quotes, and scrubbed. */
export function withoutValues(message: string): string {
  return scrub(QUOTES.reduce((text, [quote, replacement]) => text.replace(quote, replacement), message));
}

/** What may be said of an error outside the process: its class and its scrubbed message, at most 300 characters. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${withoutValues(error.message)}` : `thrown ${typeof error}`;
  return scrub(text).slice(0, 300);
}
