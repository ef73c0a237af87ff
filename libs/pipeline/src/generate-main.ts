import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from './generate.js';

const root = process.argv[2] ?? '.';
for (const [file, text] of Object.entries(generate(join(root, 'schemas')))) {
  writeFileSync(join(root, 'libs/pipeline/src/generated', file), text as string);
}
