import { isNativeError } from 'node:util/types';

interface DriverError {
  readonly name?: string;
  readonly code?: unknown;
  /** kafkajs' word for what a broker answered. */
  readonly type?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly driverError?: unknown;
}

export interface Reasons {
  readonly driver: 'Kafka' | 'PostgreSQL';
  readonly why: string;
  /** It was not spoken with at all. */
  readonly unreachable: boolean;
}

const NETWORK: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'there is no such host, or no name server answers',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it ends the connection',
  EPIPE: 'it ends the connection',
};

const ANSWERED: Record<string, string> = {
  '28P01': 'it does not accept this user and password',
  '28000': 'it does not accept this user and password',
  '3D000': 'there is no such database',
  '42501': 'this role may not read there (grant postgang_operations_reader)',
  // undefined_table and invalid_schema_name: a service that was never started, or an older version of it
  '42P01': 'a service has not made its views yet',
  '3F000': 'a service has not made its views yet',
  '57P03': 'it is starting, or being shut down',
  '57P01': 'it is being shut down',
  '57014': 'it took too long',
  UNKNOWN_TOPIC_OR_PARTITION: 'it has no such topic (is TOPIC_PREFIX right?)',
  TOPIC_AUTHORIZATION_FAILED: 'this user may not use the topic',
  GROUP_AUTHORIZATION_FAILED: 'this user may not read as this group',
  CLUSTER_AUTHORIZATION_FAILED: 'this user may not do that',
  KafkaJSSASLAuthenticationError: 'it does not accept this user and password',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_INVALID_URL: 'the setting is no address',
  URIError: 'the setting is no address',
};

const KAFKA = /^KafkaJS/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** pg says it in words only. */
const NO_ANSWER = /timeout|terminated unexpectedly/i;
/** kafkajs, of a broker that takes the connection and says nothing: an Error without a name of its own. */
const SILENT_BROKER = 'Broker not connected';
const CAUSES = 6;

/** Whether a driver of a server says this, rather than a command about its own matter. */
export function isDriverError(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  const { name, code } = error as DriverError;
  if (KAFKA.test(name ?? '') || name === 'DependencyDown' || name === 'QueryFailedError' || name === 'URIError')
    return true;
  if (Array.isArray((error as DriverError).errors)) return (error as AggregateError).errors.some(isDriverError);
  if (typeof code === 'string' && (code in NETWORK || code in ANSWERED || SQLSTATE.test(code))) return true;
  return code === undefined && name === 'Error' && (NO_ANSWER.test(error.message) || error.message === SILENT_BROKER);
}

/** What a driver means. The innermost error that is known says it; a name of the driver's own is never shown. */
export function reasonsOf(error: unknown): Reasons {
  const chain = chainOf(error);
  const isKafka = chain.some(({ name, message }) => KAFKA.test(name ?? '') || message === SILENT_BROKER);
  const driver = isKafka ? 'Kafka' : 'PostgreSQL';
  const words = chain.flatMap(({ code, type, name }) => [type, code, name].filter((word) => typeof word === 'string'));
  const answered = words.find((word) => Object.hasOwn(ANSWERED, word));
  if (answered !== undefined) return { driver, why: ANSWERED[answered] as string, unreachable: false };
  const network = words.find((word) => Object.hasOwn(NETWORK, word));
  if (network !== undefined) return { driver, why: `${NETWORK[network]} (${network})`, unreachable: true };
  if (driver === 'Kafka') {
    // what a broker answers has a type; all else is about getting an answer at all
    const type = chain.find(({ type: said }) => said !== undefined)?.type;
    return type === undefined
      ? { driver, why: 'it does not answer', unreachable: true }
      : { driver, why: `it answers ${type}`, unreachable: false };
  }
  const state = words.find((word) => SQLSTATE.test(word));
  if (state !== undefined) return { driver, why: `it answers with error ${state}`, unreachable: false };
  return { driver, why: 'it does not answer', unreachable: true };
}

/** The outermost first. */
function chainOf(error: unknown): DriverError[] {
  const chain: DriverError[] = [];
  const visit = (one: unknown, depth: number): void => {
    if (typeof one !== 'object' || one === null || depth > CAUSES || chain.includes(one)) return;
    const found = one as DriverError;
    chain.push(found);
    for (const inner of [
      found.driverError,
      found.cause,
      ...(Array.isArray(found.errors) ? (found.errors as unknown[]) : []),
    ])
      visit(inner, depth + 1);
  };
  visit(error, 0);
  return chain;
}
