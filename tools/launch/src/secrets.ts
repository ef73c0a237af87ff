import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROVIDERS_WITH_TOPICS } from '@postgang/pipeline';

/** Keys of a local Postgang, made once per folder: the key ring of the sealed strings and the master keys of the document store. */
export function localSecrets(dir: string): { keyRingFile: string; documentKeysFile: string } {
  const folder = join(dir, 'secrets');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = (): string => randomBytes(32).toString('base64');
  const scope = (): unknown => ({ active: 'k1', keys: { k1: key() } });
  const keyRingFile = join(folder, 'key-ring.json');
  const documentKeysFile = join(folder, 'document-keys.json');
  const once = (file: string, content: () => unknown): void => {
    if (!existsSync(file)) writeFileSync(file, JSON.stringify(content()), { mode: 0o600 });
  };
  const scopes = ['internal', 'content', ...PROVIDERS_WITH_TOPICS.map((provider) => `provider:${provider}`)];
  once(keyRingFile, () => Object.fromEntries(scopes.map((name) => [name, scope()])));
  once(documentKeysFile, scope);
  return { keyRingFile, documentKeysFile };
}
