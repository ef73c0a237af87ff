import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CAST, type Part } from '@postgang/demo';
import { concreteTopics } from '@postgang/pipeline';
import { SCRIPTED, type ReceivedMail } from '@postgang/sandbox';
import { eventually } from '@postgang/testing';
import { ask } from './ask.js';
import { letterTo, Mailing } from './mailing.js';
import { find, findingsIn, personalOf } from './personal.js';
import { AGENCY, World } from './world.js';

let world: World;

beforeAll(async () => {
  // everything that is ever logged
  world = await World.start({ settings: { LOG_LEVEL: 'trace' } });
}, 90_000);
afterAll(() => world?.stop(), 60_000);

/** Every scripted recipient gets one, besides the demo's cast with its known ends. */
const OTHERS: readonly Part[] = [
  { case: 'not-registered', kind: 'enkeltvedtak', end: 'POSTED' },
  { case: 'deleted', kind: 'information', end: 'POSTED', door: 'kafka' },
  { case: 'email-outdated', kind: 'enkeltvedtak', end: 'DELIVERED' },
  { case: 'provider-broken', kind: 'information', end: 'FAILED' },
  { case: 'no-certificate', kind: 'information', end: 'POSTED' },
  { case: 'unknown-provider', kind: 'enkeltvedtak', end: 'POSTED' },
  { case: 'print-refused', kind: 'enkeltvedtak', end: 'FAILED' },
  { case: 'only-email', kind: 'information', end: 'DELIVERED', serviceMessage: true },
  { case: 'sami', kind: 'information', end: 'DELIVERED', serviceMessage: true, door: 'kafka' },
];

const SERVICE_MESSAGES = [...CAST, ...OTHERS].filter(({ serviceMessage }) => serviceMessage).length;

it('nothing personal and no secret is in any log, metric, record, header, dead letter or answer', async () => {
  const cast = [...CAST, ...OTHERS];
  expect(new Set(cast.map((part) => part.case))).toEqual(new Set(SCRIPTED.map((person) => person.case)));
  const everything = await world.follow(...concreteTopics([AGENCY]).map(({ name }) => name));
  const mailing = new Mailing(world, cast);
  await mailing.handIn(cast.length, 'personal');
  const answers = [await wrongOverRest(), ...(await wrongOverKafka())];
  await mailing.ended(60_000);
  for (const { letterId } of mailing.sent)
    for (const part of ['', '/history'])
      answers.push(JSON.stringify(await ask(world, `/v1/letters/${letterId}${part}`)));
  await everything.until(
    () => everything.records.some(({ topic }) => topic === 'integration-point.dlq'),
    20_000,
    () => 'the undecodable record is no dead letter yet',
  );
  const pages = await Promise.all(
    world.launched.processes.flatMap(({ managementUrls }) =>
      managementUrls.map(async (url) => (await fetch(`${url}/metrics`)).text()),
    ),
  );

  const mails = await eventually('the service messages', async () => {
    const sent = (await (await fetch(`${world.sandbox.url}/admin/mail`)).json()) as ReceivedMail[];
    return sent.length < SERVICE_MESSAGES ? undefined : sent;
  });
  const secrets = personalOf(world, [await world.agency.token()]);
  // the search itself finds what is there
  expect(findingsIn('canary', Buffer.from(`x ${SCRIPTED[0]?.nationalId} y`), secrets)).toHaveLength(1);
  expect(world.logs().length).toBeGreaterThan(5_000);
  const found = [
    ...find('log', world.logs(), secrets),
    ...pages.flatMap((page) => find('metrics', page, secrets)),
    ...answers.flatMap((answer) => find('answer', answer, secrets)),
    ...world.requests.flatMap(({ url }) => find('URL', decodeURIComponent(url), secrets)),
    ...mails.flatMap(({ to: _to, headers: { to: _header, ...headers }, ...mail }) =>
      find('mail', JSON.stringify([mail, headers]), secrets),
    ),
    ...everything.records.flatMap(({ topic, key, value, headers }) => [
      // what an outsider wrote is set aside as it came
      ...(key === 'not-a-letter' ? [] : findingsIn(`${topic} value`, value ?? Buffer.alloc(0), secrets)),
      ...find(`${topic} headers`, JSON.stringify([key, headers]), secrets),
    ]),
  ];
  expect(found).toEqual([]);
  expect(mails.length).toBe(SERVICE_MESSAGES);
  expect(world.requests.length).toBeGreaterThan(cast.length);
  const topics = new Set(everything.records.map(({ topic }) => topic));
  expect(topics.size).toBeGreaterThan(12);
}, 120_000);

/** A mistake in each place where an answer could repeat what was sent. */
async function wrongOverRest(): Promise<string> {
  const [person] = SCRIPTED;
  const answers = await Promise.all(
    [
      { recipient: `${person?.nationalId}0` },
      { [`${person?.nationalId}`]: 1, recipient: person?.nationalId },
      { recipient: person?.nationalId, reference: `ref ${person?.nationalId} ${person?.lastName}` },
      { recipient: person?.nationalId, kind: person?.nationalId, title: `${person?.firstName}\u0000` },
    ].map(async (letter) =>
      JSON.stringify(
        await ask(world, '/v1/letters', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(letter),
        }),
      ),
    ),
  );
  answers.push(
    JSON.stringify(
      await ask(world, '/v1/letters', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"recipient":"${person?.nationalId}",`,
      }),
    ),
  );
  return answers.join('\n');
}

async function wrongOverKafka(): Promise<string[]> {
  const [part] = CAST;
  const good = await world.agency.recordForKafka(letterTo(part as Part, 'personal-wrong'));
  await world.write({ ...good, key: 'not-a-letter', value: Buffer.from(`{"recipient":"${SCRIPTED[0]?.nationalId}"}`) });
  const wrong = { ...letterTo(part as Part, 'personal-wrong'), nationalId: `${SCRIPTED[1]?.nationalId}1` };
  await world.write(await world.agency.recordForKafka(wrong));
  return [];
}
