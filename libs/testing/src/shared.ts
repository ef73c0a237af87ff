import { describe, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Published wire files and independent validators lie beside the checkout and are not ours to copy. */
export function sharedFile(relative: string): string {
  return resolve(process.env['POSTGANG_SHARED'] ?? '../shared', relative);
}

/** Skips loudly where the published files are not at hand. */
export function describeWithShared(relative: string, name: string, body: () => void): void {
  if (existsSync(sharedFile(relative))) {
    describe(name, body);
    return;
  }
  process.stderr.write(
    `SKIPPED: "${name}" needs the published files (${relative}), which are not beside this checkout\n`,
  );
  // not the body: Jest runs a skipped one to count its specs, and it may read the files
  describe.skip(name, () => it(`needs ${relative}`, () => undefined));
}
