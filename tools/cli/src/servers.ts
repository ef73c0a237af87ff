import { isDriverError, reasonsOf } from './driver-errors.js';

/** A server that a command asks, and the setting that names it. */
export interface Server {
  readonly name: string;
  readonly setting: string;
  /** `host:port`, as many as there are; empty when the setting holds no address. */
  readonly at: readonly string[];
}

/** A server cannot be used: nothing was found out, which is not the same as that something does not hold. */
export class ServerUnusable extends Error {
  override readonly name = 'ServerUnusable';
  readonly exitCode = 2;
}

const MOST_NAMED = 5;

/** The address may hold a password: host and port only. */
export function postgres(url: string): Server {
  const { hostname = '', port = '' } = URL.canParse(url) ? new URL(url) : {};
  return { name: 'PostgreSQL', setting: 'POSTGRES_URL', at: hostname === '' ? [] : [`${hostname}:${port || '5432'}`] };
}

export const kafkaAt = (brokers: readonly string[]): Server => ({
  name: 'Kafka',
  setting: 'KAFKA_BROKERS',
  at: brokers.slice(0, MOST_NAMED),
});

/**
 * For `catch`: one sentence that says which server it was, where, by which setting, and why; the drivers' own words do not, and may quote an address
 * with its password. Of several servers it was the one whose driver failed. What is no driver's error goes on as it is. `more` says what follows.
 */
export const unusable =
  (servers: Server | readonly Server[], more = '') =>
  (error: unknown): never => {
    if (!isDriverError(error)) throw error;
    const { driver, why, unreachable } = reasonsOf(error);
    const all: readonly Server[] = 'setting' in servers ? [servers] : servers;
    const server = all.find(({ name }) => name === driver) ?? all[0];
    if (server === undefined) throw error;
    const { name, setting, at } = server;
    const where = at.length === 0 ? '' : ` at ${at.join(', ')}`;
    const what = unreachable ? 'reached' : 'used';
    throw new ServerUnusable(`${name}${where} (${setting}) cannot be ${what}: ${why}${more}`, { cause: error });
  };
