import type { FaultKind } from '@postgang/testing/faults';

export const FAULT_NAMES = [
  'kill',
  'pause',
  'zombie',
  'rolling-restart',
  'server-kill',
  'server-restart',
  'server-pause',
  'link-cut',
  'link-half-open',
  'link-slow',
  'disk-full',
  'answer-dropped',
  'provider-off',
  'provider-error',
  'provider-slow',
  'receipts-doubled',
  'receipts-delayed',
  'receipts-reordered',
  'receipts-lost',
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

/** Whom a fault may strike in this world. */
export interface Targets {
  readonly processes: readonly string[];
  readonly servers: readonly string[];
  readonly links: readonly string[];
  /** Empty where no small disk could be mounted. */
  readonly disks: readonly string[];
  /** A process that is held still for longer is given up by its consumer groups, milliseconds. */
  readonly sessionMs: number;
}

const ASKED = ['maskinporten', 'krr', 'folkeregisteret', 'access-point'];
const PROVIDERS = ['digipost', 'eboks', 'print'];

/** What there is to strike with; kinds without a target in this world stay out of the plan. */
export function faultKinds(targets: Targets, wanted: readonly FaultName[]): readonly FaultKind[] {
  const { processes, servers, links, disks, sessionMs } = targets;
  const kinds: Record<FaultName, Omit<FaultKind, 'name'>> = {
    kill: { targets: processes, lastsMs: [0, 3_000] },
    pause: { targets: processes, lastsMs: [200, sessionMs / 2] },
    zombie: { targets: processes, lastsMs: [sessionMs + 2_000, sessionMs + 6_000] },
    'rolling-restart': { targets: ['all'], lastsMs: [0, 0] },
    'server-kill': { targets: servers, lastsMs: [0, 5_000] },
    'server-restart': { targets: servers, lastsMs: [0, 3_000] },
    'server-pause': { targets: servers, lastsMs: [500, 6_000] },
    'link-cut': { targets: links, lastsMs: [50, 5_000] },
    'link-half-open': { targets: links, lastsMs: [500, 8_000] },
    'link-slow': { targets: links, lastsMs: [2_000, 10_000] },
    'disk-full': { targets: disks, lastsMs: [500, 6_000] },
    'answer-dropped': { targets: [...ASKED, 'smtp'], lastsMs: [3_000, 15_000] },
    'provider-off': { targets: [...ASKED, ...PROVIDERS, 'smtp'], lastsMs: [500, 8_000] },
    'provider-error': { targets: ASKED, lastsMs: [500, 8_000] },
    'provider-slow': { targets: ASKED, lastsMs: [2_000, 10_000] },
    'receipts-doubled': { targets: PROVIDERS, lastsMs: [3_000, 15_000] },
    'receipts-delayed': { targets: PROVIDERS, lastsMs: [3_000, 15_000] },
    'receipts-reordered': { targets: PROVIDERS, lastsMs: [3_000, 15_000] },
    'receipts-lost': { targets: PROVIDERS, lastsMs: [3_000, 10_000] },
  };
  return FAULT_NAMES.filter((name) => wanted.includes(name)).map((name) => ({ name, ...kinds[name] }));
}
