import type { JWK } from 'jose';

/** A client of Maskinporten: signs with its organisation's virksomhetssertifikat, or with a key registered beforehand. */
export interface Client {
  readonly clientId: string;
  readonly organisation: string;
  readonly scopes: ReadonlySet<string>;
  /** Present: the assertion names one of these by `kid`. Absent: it carries `x5c`. */
  readonly keys?: readonly JWK[];
}

export const OPERATOR_SCOPES = [
  'digitalpostinnbygger:send',
  'krr:global/kontaktinformasjon.read',
  'krr:global/digitalpost.read',
  'folkeregister:deling/offentligmedhjemmel',
] as const;

export const AGENCY_SCOPES = ['postgang:letters.write', 'postgang:letters.read'] as const;

/** Clients, and which agency has delegated which scope to which supplier (in Altinn, in the real world). */
export class Clients {
  private readonly clients = new Map<string, Client>();
  private readonly delegations = new Map<string, Set<string>>();

  register(client: Client): void {
    this.clients.set(client.clientId, client);
  }

  find(clientId: string): Client | undefined {
    return this.clients.get(clientId);
  }

  delegate(consumer: string, supplier: string, scopes: readonly string[]): void {
    const key = `${consumer}>${supplier}`;
    const granted = this.delegations.get(key) ?? new Set<string>();
    for (const scope of scopes) granted.add(scope);
    this.delegations.set(key, granted);
  }

  revoke(consumer: string, supplier: string, scopes: readonly string[]): void {
    for (const scope of scopes) this.delegations.get(`${consumer}>${supplier}`)?.delete(scope);
  }

  delegated(consumer: string, supplier: string, scope: string): boolean {
    return this.delegations.get(`${consumer}>${supplier}`)?.has(scope) ?? false;
  }
}
