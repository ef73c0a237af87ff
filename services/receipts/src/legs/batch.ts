import { conversationIdOf } from '@postgang/pipeline';
import type { Pull } from '../db/pulls.js';
import type { Claim, SetAside } from '../verification/claim.js';
import type { Fact } from './fact.js';

/** What one record of a batch turned out to be. */
export type Input =
  | { readonly is: 'fact'; readonly fact: Fact }
  | { readonly is: 'claim'; readonly claim: Claim }
  | { readonly is: 'bad'; readonly aside: SetAside }
  | { readonly is: 'pulled'; readonly pull: Pull }
  | { readonly is: 'nothing' }
  | { readonly is: 'unreadable'; readonly error: unknown };

/** The same content twice is one claim. */
export const distinct = (claims: readonly Claim[]): Claim[] => [
  ...new Map(claims.map((claim) => [claim.eventId, claim])).values(),
];

/** Conversation id → letter id of the legs whose provider these facts tell. */
export function conversationsOpenedBy(facts: readonly Fact[]): Map<string, string> {
  return new Map(
    facts.flatMap(({ letterId, leg, effect }): [string, string][] =>
      effect?.of === 'leg' && effect.route !== undefined && leg !== undefined
        ? [[conversationIdOf(letterId, leg), letterId]]
        : [],
    ),
  );
}

/** Facts and claims by letter, in the order they came; claims of unknown conversations are left out. */
export function grouped(
  inputs: readonly Input[],
  letterOf: ReadonlyMap<string, string>,
): Map<string, (Fact | Claim)[]> {
  const byLetter = new Map<string, (Fact | Claim)[]>();
  const add = (id: string, input: Fact | Claim): void => {
    const list = byLetter.get(id);
    if (list === undefined) byLetter.set(id, [input]);
    else list.push(input);
  };
  for (const input of inputs) {
    if (input.is === 'fact') add(input.fact.letterId, input.fact);
    if (input.is !== 'claim') continue;
    const letterId = letterOf.get(input.claim.conversationId);
    if (letterId !== undefined) add(letterId, input.claim);
  }
  return byLetter;
}
