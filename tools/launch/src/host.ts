import 'reflect-metadata';
import { runAll } from '@postgang/runtime';
import { serviceNamed } from './services.js';

/** `host.js name:managementPort,…`: hosts any set of services in one process, from the environment. */
const wanted = (process.argv[2] ?? '').split(',').map((part) => part.split(':') as [string, string | undefined]);
runAll(
  await Promise.all(
    wanted.map(async ([name, port]) => ({
      service: await serviceNamed(name),
      environment: { ...process.env, ...(port === undefined ? {} : { MANAGEMENT_PORT: port }) },
    })),
  ),
);
