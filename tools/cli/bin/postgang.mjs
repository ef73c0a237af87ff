#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  process.stderr.write('postgang is not built yet. Run once in the project: npm run build\n');
  process.exitCode = 1;
}
