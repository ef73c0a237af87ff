import { SETTLED_HOW, type EffectState, type SettledHow } from './effect-state.js';

/** The ledger in figures, for one provider. */
export interface EffectCounts {
  readonly provider: string;
  readonly effects: number;
  /** Calls that were intended and made; one that was certainly never made is not among them. */
  readonly intents: number;
  readonly queued: number;
  readonly inHand: number;
  readonly handedOver: number;
  readonly refused: number;
  /** Given up without the provider's word. */
  readonly failed: number;
  readonly uncertain: number;
  readonly parked: number;
  /** Whose word settled what had been uncertain, each effect by its last. */
  readonly settled: Readonly<Record<SettledHow, number>>;
  /** Second records of an effect, of which nothing came. */
  readonly recordsSuppressed: number;
  /** Suppressed records, and calls not made again because the provider, or an operator, had it already. */
  readonly doublesPrevented: number;
}

export interface CountRow {
  readonly provider: string;
  readonly state: EffectState;
  readonly settledHow: SettledHow | null;
  readonly count: number;
  readonly intents: number;
  readonly suppressed: number;
}

export function countsOf(rows: readonly CountRow[]): EffectCounts[] {
  return [...Map.groupBy(rows, ({ provider }) => provider)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([provider, mine]) => {
      const sum = (
        of: keyof CountRow & ('count' | 'intents' | 'suppressed'),
        which: (row: CountRow) => boolean,
      ): number => mine.filter(which).reduce((total, row) => total + row[of], 0);
      const all = (): boolean => true;
      const inState = (state: EffectState): number => sum('count', (row) => row.state === state);
      const settledBy = (how: SettledHow): number => sum('count', (row) => row.settledHow === how);
      const recordsSuppressed = sum('suppressed', all);
      return {
        provider,
        effects: sum('count', all),
        intents: sum('intents', all),
        queued: inState('QUEUED'),
        inHand: inState('INTENDED'),
        handedOver: inState('HANDED_OVER'),
        refused: inState('REFUSED'),
        failed: inState('FAILED'),
        uncertain: inState('UNCERTAIN'),
        parked: inState('PARKED'),
        settled: Object.fromEntries(SETTLED_HOW.map((how) => [how, settledBy(how)])) as Record<SettledHow, number>,
        recordsSuppressed,
        doublesPrevented: recordsSuppressed + settledBy('provider-has-it') + settledBy('operator-handed-over'),
      };
    });
}
