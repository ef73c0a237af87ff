import { certificatesFromPem, type SigningIdentity } from '@postgang/document-package';
import { readFileSync, statSync, type Stats } from 'node:fs';
import type { X509Certificate } from 'node:crypto';
import { signingIdentityFromP12 } from './p12.js';

/** The command cannot do its work with what it was given: says nothing about the package. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

const MEGABYTE = 1024 * 1024;
/** Packages end at 50 MB; a wrong file name must not fill the memory. */
const MAX_PACKAGE_BYTES = 150 * MEGABYTE;
const MAX_KEY_BYTES = MEGABYTE;

export const readPackage = (path: string): Buffer => readInput(path, 'file', MAX_PACKAGE_BYTES);

const CAUSES: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'it may not be read',
};
export const causeOf = (error: unknown): string =>
  CAUSES[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as NodeJS.ErrnoException).code ?? 'it cannot be used';

export function readInput(path: string, what: string, most: number): Buffer {
  let found: Stats;
  try {
    found = statSync(path);
    if (found.isFile() && found.size <= most) return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${what} ${path}: ${causeOf(error)}`, { cause: error });
  }
  if (!found.isFile()) throw new UsageError(`${what} ${path}: not a file`);
  throw new UsageError(`${what} ${path}: larger than ${most / MEGABYTE} MB`);
}

export interface KeyOptions {
  readonly key?: string;
  readonly password?: string;
  readonly passwordFile?: string;
}

/** What stands on the command line is in everybody's list of processes: the environment or a file (`-`: standard input) keep it out of there. */
function passwordOf({ password, passwordFile }: KeyOptions): string {
  if (password !== undefined && passwordFile !== undefined)
    throw new UsageError('--password and --password-file exclude each other');
  if (passwordFile === '-') return firstLine(readFileSync(0));
  if (passwordFile !== undefined) return firstLine(readInput(passwordFile, '--password-file', MAX_KEY_BYTES));
  return password ?? process.env['POSTGANG_P12_PASSWORD'] ?? '';
}

const firstLine = (bytes: Buffer): string => bytes.toString('utf8').split(/\r?\n/)[0] ?? '';

export function identityOf(options: KeyOptions & { readonly key: string }): SigningIdentity {
  const p12 = readInput(options.key, '--key', MAX_KEY_BYTES);
  const password = passwordOf(options);
  try {
    return signingIdentityFromP12(p12, password);
  } catch (error) {
    throw new UsageError(`--key ${options.key}: ${error instanceof Error ? error.message : 'cannot be used'}`, {
      cause: error,
    });
  }
}

export function certificatesOf(path: string, option: string): X509Certificate[] {
  let certificates: X509Certificate[];
  try {
    certificates = certificatesFromPem(readInput(path, option, MAX_KEY_BYTES).toString('latin1'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${option} ${path}: a certificate in it cannot be read`, { cause: error });
  }
  // an empty list would call every signer a stranger
  if (certificates.length === 0) throw new UsageError(`${option} ${path}: no certificate in it (PEM is wanted)`);
  return certificates;
}
