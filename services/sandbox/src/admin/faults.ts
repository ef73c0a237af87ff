import { z } from 'zod';

/** Outer systems that can be made to fail. */
export const FAULTY_SYSTEMS = [
  'maskinporten',
  'krr',
  'folkeregisteret',
  'access-point',
  'smtp',
  'digipost',
  'eboks',
  'print',
] as const;
export type FaultySystem = (typeof FAULTY_SYSTEMS)[number];

/**
 * off                        every connection is cut, as if nobody were there; a provider that is off sends its receipts later
 * status                     answers with `status` (and Retry-After when given) instead of doing anything
 * drop-answer-after-effect   does everything, then cuts the connection instead of answering
 * latency                    answers `ms` later
 * reject                     provider: feil SERVER instead of delivery
 * silent                     provider: delivers, sends no receipt
 * duplicate                  provider: sends a receipt twice, with two message ids
 * delay                      provider: sends a receipt `ms` later
 * reorder                    provider: sends a letter's receipts in the opposite order
 * bad-signer                 provider: signs with the good certificate of another provider
 * bad-signature              provider: the signature does not hold
 * unknown-conversation       provider: the receipt names a conversation nobody knows
 */
export const FAULT_MODES = [
  'off',
  'status',
  'drop-answer-after-effect',
  'latency',
  'reject',
  'silent',
  'duplicate',
  'delay',
  'reorder',
  'bad-signer',
  'bad-signature',
  'unknown-conversation',
] as const;
export type FaultMode = (typeof FAULT_MODES)[number];

export const faultRequest = z.strictObject({
  system: z.enum(FAULTY_SYSTEMS),
  mode: z.enum([...FAULT_MODES, 'none']),
  /** Ends by itself after so many seconds; without it, it lasts until `none` or reset. */
  seconds: z.number().positive().max(86_400).optional(),
  /** Share of the occasions, spread evenly and the same in every run. */
  percent: z.number().positive().max(100).default(100),
  status: z.number().int().min(400).max(599).default(503),
  retryAfterSeconds: z.number().int().min(0).max(3_600).optional(),
  ms: z.number().int().min(1).max(60_000).default(1_000),
});
export type FaultRequest = z.infer<typeof faultRequest>;

interface Active extends FaultRequest {
  readonly until: number;
  occasions: number;
}

/** Deterministic: with `percent` 20 it is every fifth occasion, not a throw of dice. */
export class Faults {
  private readonly active = new Map<string, Active>();

  set(request: FaultRequest): void {
    if (request.mode === 'none') {
      for (const key of [...this.active.keys()]) if (key.startsWith(`${request.system}/`)) this.active.delete(key);
      return;
    }
    const until = request.seconds === undefined ? Infinity : performance.now() + request.seconds * 1_000;
    this.active.set(`${request.system}/${request.mode}`, { ...request, until, occasions: 0 });
  }

  /** The fault when it strikes on this occasion. */
  strike(system: FaultySystem, mode: FaultMode): FaultRequest | undefined {
    if (this.active.size === 0) return undefined;
    const fault = this.find(system, mode);
    if (fault === undefined) return undefined;
    const before = Math.floor((fault.occasions * fault.percent) / 100);
    fault.occasions++;
    return Math.floor((fault.occasions * fault.percent) / 100) > before ? fault : undefined;
  }

  hits(system: FaultySystem, mode: FaultMode): boolean {
    return this.strike(system, mode) !== undefined;
  }

  /** How long `off` still lasts; a fault without end is looked at again after a second. */
  offForMs(system: FaultySystem): number {
    const fault = this.active.size === 0 ? undefined : this.find(system, 'off');
    return fault === undefined ? 0 : Math.min(1_000, Math.max(1, fault.until - performance.now()));
  }

  list(): readonly Omit<FaultRequest, 'seconds'>[] {
    return [...this.active.values()]
      .filter((fault) => fault.until > performance.now())
      .map(({ system, mode, percent, status, ms }) => ({ system, mode, percent, status, ms }));
  }

  clear(): void {
    this.active.clear();
  }

  private find(system: FaultySystem, mode: FaultMode): Active | undefined {
    const fault = this.active.get(`${system}/${mode}`);
    if (fault === undefined || fault.until > performance.now()) return fault;
    this.active.delete(`${system}/${mode}`);
    return undefined;
  }
}
