import { describe, expect, it } from '@jest/globals';
import { nationalIdProblem } from '@postgang/rules';
import { personFor } from './generated.js';
import { People } from './people.js';
import { DIGIPOST, EBOKS } from './person.js';
import { scripted, SCRIPTED } from './scripted.js';

describe('scripted recipients', () => {
  it('have valid synthetic ids, which production refuses', () => {
    for (const { nationalId } of SCRIPTED) {
      expect(nationalIdProblem(nationalId, 'test')).toBeUndefined();
      expect(nationalIdProblem(nationalId, 'production')).toBe('synthetic-national-id');
    }
  });

  it('differ in id, case, mailbox and postal address', () => {
    const distinct = (values: readonly (string | undefined)[]): void => {
      const known = values.filter((value) => value !== undefined);
      expect(new Set(known).size).toBe(known.length);
    };
    distinct(SCRIPTED.map((person) => person.nationalId));
    distinct(SCRIPTED.map((person) => person.case));
    distinct(SCRIPTED.map((person) => person.contact.mailbox?.address));
    distinct(SCRIPTED.map((person) => person.population.address?.lines[0]));
  });

  it('are found by id, by mailbox and by postal address', () => {
    const people = new People(1);
    expect(people.find(scripted('eboks').nationalId)).toBe(scripted('eboks'));
    expect(people.findByMailbox('digipost#S001')).toBe(scripted('digipost'));
    expect(people.findScriptedByAddress('Retur Returvik', 'Prøveveien 17')).toBe(scripted('returned'));
    expect(() => scripted('nobody')).toThrow();
  });
});

describe('generated people', () => {
  const some = Array.from({ length: 2_000 }, (_, index) => personFor(7, index));

  it('have valid and different synthetic ids, none of them scripted', () => {
    expect(new Set([...some, ...SCRIPTED].map((person) => person.nationalId)).size).toBe(some.length + SCRIPTED.length);
    for (const { nationalId } of some) expect(nationalIdProblem(nationalId, 'test')).toBeUndefined();
  });

  it('are the same for the same seed and others for another', () => {
    expect(personFor(7, 123)).toEqual(some[123]);
    expect(personFor(8, 123).nationalId).not.toBe(some[123]?.nationalId);
  });

  it('have a mailbox in 13 of 20, half of them at each provider, and an address always', () => {
    const at = (provider: string): number =>
      some.filter((person) => person.contact.mailbox?.provider === provider).length;
    expect(at(DIGIPOST) + at(EBOKS)).toBe((2_000 * 13) / 20);
    expect(Math.abs(at(DIGIPOST) - at(EBOKS))).toBeLessThan(150);
    expect(some.every((person) => person.population.address !== undefined)).toBe(true);
  });

  it('are found again by id and by mailbox, with the right seed only', () => {
    const people = new People(7);
    for (const person of some.slice(0, 200)) {
      expect(people.find(person.nationalId)).toEqual(person);
      const address = person.contact.mailbox?.address;
      if (address !== undefined) expect(people.findByMailbox(address)).toEqual(person);
    }
  });

  it('do not include an id that nobody was given', () => {
    const people = new People(7);
    expect(people.find('01010100000')).toBeUndefined();
    expect(people.findByMailbox('nobody#GZZZZZZ')).toBeUndefined();
    expect(people.findByMailbox('somebody.else#G1')).toBeUndefined();
  });

  it('last to the end of the range', () => {
    expect(nationalIdProblem(personFor(7, 3_284_999).nationalId, 'test')).toBeUndefined();
    expect(() => personFor(7, 3_285_000)).toThrow(RangeError);
  });
});
