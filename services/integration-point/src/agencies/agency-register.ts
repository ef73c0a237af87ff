import { KeyRing } from '@postgang/outside';
import { isOrganisationNumber } from '@postgang/rules';
import { openDatabase } from '@postgang/runtime';
import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { MIGRATIONS } from '../db/migrations.js';
import { Agency, Delegation, ENTITIES } from './entities.js';

/** Key id that agencies seal with: the key ring of an agency is `{ "agency:<orgnr>": { "active": "1", "keys": { "1": <ingressKey> } } }`. */
export const INGRESS_KEY_ID = '1';

export interface NewAgency {
  readonly orgnr: string;
  readonly name: string;
  /** Hands in on its own topic and gets its statuses there. Its topics must exist (createTopics). */
  readonly kafka: boolean;
}

export interface ListedAgency {
  readonly orgnr: string;
  readonly name: string;
  readonly kafka: boolean;
  readonly suppliers: readonly string[];
}

/** Not an organisation number, an agency nobody has added, or no way to find out. */
export class AgencyError extends Error {
  override readonly name = 'AgencyError';
}

const LONGEST_NAME = 200;

/** Who may hand in letters, as the operator keeps it. The running service sees a change within two seconds. */
export class AgencyRegister {
  private constructor(
    private readonly source: DataSource,
    private readonly keys: KeyRing,
  ) {}

  /** With a connection of its own; makes the tables when this is the first to come. Keys are for agencies with Kafka only. */
  static async open(postgresUrl: string, keys = new KeyRing(new Map())): Promise<AgencyRegister> {
    const source = await openDatabase({
      url: postgresUrl,
      schema: 'integration_point',
      // migrating holds a lock on one and works on another
      pool: 2,
      entities: ENTITIES,
      migrations: MIGRATIONS,
      onStatement: () => undefined,
    });
    return new AgencyRegister(source, keys);
  }

  /**
   * Registers an agency or changes it; doing it twice gives the same ingress key (base64 of 32 bytes), which an agency without Kafka has none of.
   * Throws AgencyError.
   */
  async add({ orgnr, name, kafka }: NewAgency): Promise<{ ingressKey?: string }> {
    checked(orgnr);
    if (name.trim() === '' || name.length > LONGEST_NAME || /\p{Cc}/u.test(name))
      throw new AgencyError(`the name must be one line of 1–${LONGEST_NAME} characters`);
    const sealed = await this.source.transaction(async (manager) => {
      const known = await manager.findOne(Agency, { where: { orgnr }, lock: { mode: 'pessimistic_write' } });
      const ingressKey = known?.ingressKey ?? (kafka ? this.newKey(orgnr) : null);
      await manager.upsert(Agency, { orgnr, name, kafka, ingressKey }, ['orgnr']);
      return ingressKey;
    });
    if (!kafka || sealed === null) return {};
    return { ingressKey: this.keys.open('internal', orgnr, 'ingress-key', sealed) };
  }

  async list(): Promise<ListedAgency[]> {
    const agencies = await this.source.getRepository(Agency).find({ order: { orgnr: 'ASC' } });
    const delegations = await this.source.getRepository(Delegation).find({ order: { supplier: 'ASC' } });
    return agencies.map(({ orgnr, name, kafka }) => ({
      orgnr,
      name,
      kafka,
      suppliers: delegations.filter(({ agency }) => agency === orgnr).map(({ supplier }) => supplier),
    }));
  }

  /** The supplier may hand in for the agency. Throws AgencyError. */
  async delegate(agency: string, supplier: string): Promise<void> {
    checked(agency);
    checked(supplier);
    if (!(await this.source.getRepository(Agency).existsBy({ orgnr: agency })))
      throw new AgencyError(`there is no agency ${agency}; add it first`);
    await this.source.getRepository(Delegation).upsert({ agency, supplier }, ['agency', 'supplier']);
  }

  /** False when there was no such delegation. */
  async withdraw(agency: string, supplier: string): Promise<boolean> {
    const { affected } = await this.source.getRepository(Delegation).delete({ agency, supplier });
    return affected === 1;
  }

  async close(): Promise<void> {
    await this.source.destroy();
  }

  private newKey(orgnr: string): Buffer {
    return this.keys.seal('internal', orgnr, 'ingress-key', randomBytes(32).toString('base64'));
  }
}

function checked(orgnr: string): void {
  if (!isOrganisationNumber(orgnr)) throw new AgencyError(`${orgnr.slice(0, 20)} is not an organisation number`);
}
