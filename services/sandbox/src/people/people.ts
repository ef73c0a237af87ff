import { generatedById, generatedByMailbox } from './generated.js';
import type { Person } from './person.js';
import { SCRIPTED } from './scripted.js';

/** Everybody there is: the scripted recipients, and the generated ones of this seed. */
export class People {
  private readonly byId = new Map<string, Person>(SCRIPTED.map((person) => [person.nationalId, person]));
  private readonly byMailbox = new Map<string, Person>(
    SCRIPTED.flatMap((person) =>
      person.contact.mailbox === undefined ? [] : [[person.contact.mailbox.address, person] as const],
    ),
  );
  private readonly byPostalAddress = new Map<string, Person>(
    SCRIPTED.map((person) => [
      addressKey(`${person.firstName} ${person.lastName}`, person.population.address?.lines[0] ?? ''),
      person,
    ]),
  );

  constructor(private readonly seed: number) {}

  find(nationalId: string): Person | undefined {
    return this.byId.get(nationalId) ?? generatedById(this.seed, nationalId);
  }

  findByMailbox(address: string): Person | undefined {
    return this.byMailbox.get(address) ?? generatedByMailbox(this.seed, address);
  }

  /** A print shop has no national id: it knows its scripted recipients by name and first address line. */
  findScriptedByAddress(name: string, firstLine: string): Person | undefined {
    return this.byPostalAddress.get(addressKey(name, firstLine));
  }
}

const addressKey = (name: string, line: string): string => `${name}|${line}`.toLowerCase();
