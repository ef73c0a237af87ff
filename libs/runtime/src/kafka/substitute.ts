import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Whoever requires the module from now on gets ours. kafkajs is pinned; another version without the module fails here, at the start. */
export function substitute(module: string, ours: unknown): void {
  require(module);
  const loaded = require.cache[require.resolve(module)];
  if (loaded === undefined) throw new Error(`${module} is not kept by the module loader`);
  loaded.exports = ours;
}
