export type EffectState = 'QUEUED' | 'INTENDED' | 'HANDED_OVER' | 'REFUSED' | 'UNCERTAIN' | 'PARKED' | 'FAILED';

/** Whose word an uncertain effect was settled by, and what it was. */
export const SETTLED_HOW = [
  'provider-has-it',
  'provider-refused',
  'never-arrived',
  'operator-handed-over',
  'operator-not-done',
] as const;
export type SettledHow = (typeof SETTLED_HOW)[number];
