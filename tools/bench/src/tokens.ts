import { API_AUDIENCE } from '@postgang/launch';
import { request } from 'undici';

/** They live 120 s; a request on its way must not meet the end. */
const USED_FOR_MS = 90_000;

/** Bearer tokens of the agencies, from the sandbox. */
export class Tokens {
  private readonly known = new Map<string, { readonly token: Promise<string>; readonly until: number }>();

  constructor(private readonly sandbox: string) {}

  of(organisation: string): Promise<string> {
    const known = this.known.get(organisation);
    if (known !== undefined && known.until > performance.now()) return known.token;
    const token = this.fetch(organisation);
    this.known.set(organisation, { token, until: performance.now() + USED_FOR_MS });
    return token;
  }

  private async fetch(organisation: string): Promise<string> {
    const answer = await request(`${this.sandbox}/admin/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ organisation, audience: API_AUDIENCE }),
    });
    if (answer.statusCode !== 201) throw new Error(`the sandbox gave no token: ${answer.statusCode}`);
    return ((await answer.body.json()) as { access_token: string }).access_token;
  }
}
