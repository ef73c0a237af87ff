import type { Runtime } from '../service/service.js';
import type { OnCounted } from './effect-ledger.js';

/** Metric `effects_total`: what the service wrote down about effects since its start. All there ever was: `postgang effects counts`. */
export function effectCounter({ service, metrics }: Pick<Runtime, 'service' | 'metrics'>): OnCounted {
  const total = metrics.meter.createCounter('effects_total', {
    description:
      'Effects by what was written down: intentions, ends, how uncertain ones were settled, suppressed records',
  });
  return (what, provider, count) => total.add(count, { service, provider, what });
}
