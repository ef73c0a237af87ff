import { beforeEach, describe, expect, it } from '@jest/globals';
import { DependencyDown, TransientError } from '@postgang/outside';
import { Doubt } from './doubt.js';

const MINUTE_MS = 60_000;
let now = 0;
let doubt: Doubt;
beforeEach(() => {
  now = 1_000;
  doubt = new Doubt('krr', () => now);
});

const nobodyOf = (unanswered: number) => (): void =>
  doubt.weigh({ anybody: false, unanswered, reason: new TransientError('krr: missing') });
const somebody = (unanswered = 0): void => doubt.weigh({ anybody: true, unanswered, reason: undefined });

describe('when a register answers about nobody', () => {
  it('it counts as away, until somebody is understood, if there are several', () => {
    expect(nobodyOf(2)).toThrow(DependencyDown);
    now += MINUTE_MS;
    expect(nobodyOf(40)).toThrow(DependencyDown);
  });

  it('one person alone does not speak for it, but waits while it is in doubt', () => {
    expect(nobodyOf(1)).not.toThrow();
    expect(nobodyOf(1)).not.toThrow();
    expect(nobodyOf(2)).toThrow(DependencyDown);
    expect(nobodyOf(1)).toThrow(DependencyDown);
  });

  it('the same persons are their own trouble once somebody else is understood', () => {
    expect(nobodyOf(40)).toThrow(DependencyDown);
    somebody();
    now += 5_000;
    expect(nobodyOf(1)).not.toThrow();
    expect(nobodyOf(40)).not.toThrow();
    expect(nobodyOf(40)).toThrow(DependencyDown);
  });

  it('somebody understood before says nothing about now', () => {
    somebody();
    expect(nobodyOf(2)).toThrow(DependencyDown);
  });

  it('somebody understood speaks for ten seconds', () => {
    expect(nobodyOf(2)).toThrow(DependencyDown);
    somebody();
    now += 10_000;
    expect(nobodyOf(2)).toThrow(DependencyDown);
  });

  it('a few hold up nobody for longer than two minutes, many for as long as it takes', () => {
    expect(nobodyOf(24)).toThrow(DependencyDown);
    now += 2 * MINUTE_MS;
    expect(nobodyOf(24)).not.toThrow();
    expect(nobodyOf(1)).not.toThrow();
    expect(nobodyOf(25)).toThrow(DependencyDown);
    now += 600 * MINUTE_MS;
    expect(nobodyOf(25)).toThrow(DependencyDown);
  });
});

it('agencies without access are no reason to doubt', () => {
  expect(nobodyOf(0)).not.toThrow();
});

it('a few without an answer beside others with one are no reason to doubt', () => {
  expect(() => somebody(40)).not.toThrow();
});
