import { scheduleOf } from '@postgang/testing/faults';
import { audit, type Audit } from './audit.js';
import { Executor } from './executor.js';
import { faultKinds } from './fault-kinds.js';
import { HandIn } from './hand-in.js';
import type { ChaosOptions } from './options.js';
import { reportOf, type ChaosReport } from './report.js';
import { SESSION_MS, startWorld } from './world.js';

const AGAIN_MS = 3_000;

/** Letters go through two instances of each service while faults strike as planned; then the books are balanced. */
export async function chaos(
  options: ChaosOptions,
  closing: (() => Promise<unknown>)[],
  say: (line: string) => void,
): Promise<ChaosReport> {
  const world = await startWorld(options, closing, say);
  const handIn = await HandIn.open(world.agencies, world.settings);
  closing.push(() => handIn.close());
  const executor = new Executor(world, say);
  closing.push(() => Promise.resolve(executor.close()));

  const kinds = faultKinds(
    {
      processes: world.launched.processes.map(({ name }) => name),
      servers: [...world.servers.keys()],
      links: [...world.links.keys()],
      disks: world.disk === undefined ? [] : ['documents'],
      sessionMs: SESSION_MS,
    },
    options.kinds,
  );
  const { seed, letters, faults } = options;
  const plan = scheduleOf({ seed, letters, faults, kinds });
  say(`Seed ${seed}: ${plan.length} faults while ${letters} letters are handed in over ${options.minutes} minutes …`);

  let next = 0;
  const began = performance.now();
  executor.begin();
  await handIn.run(letters, options.minutes * 60_000, (number) => {
    for (; (plan[next]?.atLetter ?? Infinity) <= number; next++) executor.strike(plan[next] as (typeof plan)[number]);
  });
  const handedInMs = performance.now() - began;
  say(
    `All handed in after ${Math.round(handedInMs / 1_000)} s; waiting until the faults are over and the letters have ended …`,
  );
  await executor.settled();
  const overMs = performance.now() - began;
  const books = await settle(() => audit(world, handIn), options.settleSeconds * 1_000, say);
  return reportOf(options, {
    plan,
    struck: executor.struck,
    revived: executor.revived,
    attempts: handIn.attempts,
    handedIn: handIn.letters.length,
    handedInMs,
    faultsOverMs: overMs,
    balancedMs: performance.now() - began,
    books,
    skipped: options.kinds.includes('disk-full') && world.disk === undefined ? ['disk-full'] : [],
  });
}

/** Looks at the books until they balance, or the time is over: then what they say is what is wrong. */
async function settle(look: () => Promise<Audit>, patienceMs: number, say: (line: string) => void): Promise<Audit> {
  const deadline = performance.now() + patienceMs;
  let open = -1;
  for (;;) {
    const books = await look();
    const { length } = books.differences;
    if (length === 0 || performance.now() > deadline) return books;
    if (length !== open) say(`${length} differences still: ${JSON.stringify(books.byStatus)}`);
    open = length;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
