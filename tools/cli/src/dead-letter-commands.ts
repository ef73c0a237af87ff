import { isUuid, SERVICES, type ServiceName } from '@postgang/pipeline';
import { deadLettersOf, type Described, type Filter } from '@postgang/redrive';
import { createLogger, kafkaClient, kafkaSettingsOf, parseConfig, runtimeConfig, type Kafka } from '@postgang/runtime';
import type { Command } from 'commander';
import { UsageError } from './package-input.js';
import { printList } from './print-list.js';
import { kafkaAt, unusable } from './servers.js';

/** The same names as the services use, so that their environment serves here too. */
const config = runtimeConfig.pick({
  KAFKA_BROKERS: true,
  KAFKA_SSL_CA: true,
  KAFKA_USERNAME: true,
  KAFKA_PASSWORD: true,
  TOPIC_PREFIX: true,
});

export interface FilterOptions {
  readonly service?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly letter?: string;
  readonly origin?: string;
}

/** `postgang dead-letters …`: records that could not be processed and wait for a person. Never anything of their content. */
export function deadLetterCommands(program: Command): void {
  const group = program
    .command('dead-letters')
    .description('records that could not be processed and wait for a person')
    .addHelpText(
      'afterAll',
      '\nReads KAFKA_BROKERS, KAFKA_SSL_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD_FILE and TOPIC_PREFIX as the services do.',
    );
  withFilter(group.command('list').description('one line for each: where it lies, since when, its letter, why'))
    .option('--json', 'one JSON document')
    .action((options: FilterOptions & { json?: boolean }) => each(options, options.json, line));
  withFilter(group.command('show').description('all that may be said of each'))
    .option('--json', 'one JSON document')
    .action((options: FilterOptions & { json?: boolean }) => each(options, options.json, page));
}

export const withFilter = (command: Command): Command =>
  command
    .option('--service <service>', 'whose dead letters')
    .option('--reason <words>', 'part of the failure, or permanent, or exhausted')
    .option('--since <time>', 'given up since then: 2026-11-24T08:00:00Z, or 90s, 15m, 2h, 3d ago')
    .option('--until <time>', 'given up before then')
    .option('--letter <id>', 'of one letter')
    .option('--origin <topic>', 'first published to this topic');

export function filterOf({ reason, since, until, letter, origin }: FilterOptions, now = new Date()): Filter {
  if (letter !== undefined && !isUuid(letter)) throw new UsageError('--letter takes the id of a letter');
  return {
    ...(since === undefined ? {} : { since: timeOf(since, now) }),
    ...(until === undefined ? {} : { until: timeOf(until, now) }),
    ...(reason === undefined ? {} : { reason }),
    ...(letter === undefined ? {} : { letter: letter.toLowerCase() }),
    ...(origin === undefined ? {} : { origin }),
  };
}

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function timeOf(text: string, now: Date): Date {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now.getTime() - Number(count) * (UNITS_MS[unit] ?? 0));
  // without an offset it would be another moment on another machine
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) throw new UsageError(`${text.slice(0, 40)} is no time: 2026-11-24T08:00:00Z, or 90s, 2h, 3d`);
  return new Date(time);
}

export function serviceOf(name: string): ServiceName {
  const found = SERVICES.find((service) => service === name);
  if (found === undefined) throw new UsageError(`--service is one of ${SERVICES.join(', ')}`);
  return found;
}

async function each(options: FilterOptions, json = false, tell: (dead: Described, now: Date) => string): Promise<void> {
  const services = options.service === undefined ? SERVICES : [serviceOf(options.service)];
  const now = new Date();
  const filter = filterOf(options, now);
  const settings = parseConfig('postgang dead-letters', config, process.env);
  const kafka: Kafka = kafkaClient(kafkaSettingsOf(settings), 'postgang', createLogger('postgang', 'silent'), {
    retries: 3,
  });
  const found = await Promise.all(
    services.map((service) => deadLettersOf(kafka, settings.TOPIC_PREFIX, service, filter)),
  ).catch(unusable(kafkaAt(settings.KAFKA_BROKERS)));
  const dead = found.flat();
  printList(dead, json, (one) => tell(one, now), 'no dead letters that these filters let through');
}

export function ageOf(at: Date, now: Date): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - at.getTime()) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} d`;
}

const placeOf = ({ service, partition, offset }: Described): string => `${service} ${partition}@${offset}`;

function line(dead: Described, now: Date): string {
  const { at, letterId, key, originTopic, attempts, because, failure } = dead;
  const whose = letterId ?? (key === null ? 'no letter' : `conversation ${key}`);
  return `${placeOf(dead)}  ${ageOf(at, now)}  ${whose}  ${originTopic}  ${because}, ${attempts} attempts  ${failure}`;
}

const page = (dead: Described): string =>
  [
    placeOf(dead),
    `  given up   ${dead.at.toISOString()}, ${dead.because}, after ${dead.attempts} attempts`,
    `  failure    ${dead.failure}`,
    `  letter     ${dead.letterId ?? 'not known'}${dead.leg === null ? '' : `, leg ${dead.leg}`}`,
    `  key        ${dead.key ?? 'not an id'}`,
    `  record     ${dead.recordId}, ${dead.bytes} bytes${dead.sealed ? ', sealed: it could not be decoded' : ''}`,
    `  first in   ${dead.originTopic}${dead.originPlace === null ? '' : ` ${dead.originPlace}`}`,
    `  redriven   ${dead.redrives} times`,
  ].join('\n');
