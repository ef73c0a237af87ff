import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { investigate, type WhySettings } from '@postgang/cli';
import { Agency, nationalIdOf, type DemoLetter, type Part } from '@postgang/demo';
import { FilesystemStore, MasterKeys } from '@postgang/document-store';
import { conversationIdOf, decode, letterIdOf } from '@postgang/pipeline';
import { explain, type Explanation, type Turn } from '@postgang/rules';
import { FAULTY_SYSTEMS } from '@postgang/sandbox';
import { eventually } from '@postgang/testing';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { ask } from './ask.js';
import { ForgetfulRegister } from './forgetful-register.js';
import { letterTo } from './mailing.js';
import type { TopicLog } from './topic-log.js';
import { AGENCY, World } from './world.js';

/**
 * Every known kind of fault is brought about, and `postgang why` is asked about a letter that it holds up. The named cause must be right for all
 * but one. A fault is found out by its signs, so it is waited for the signs and no longer.
 */
const FOUND_WITHIN_MS = 30_000;
/** Enough answers of a provider to know what is usual with it. */
const USUAL = 24;
/** Longer than the receipts of one letter take to be fetched together: what comes in one batch is no measure of how long it takes. */
const RECEIPT_DELAY_MS = 1_200;

let world: World;
let register: ForgetfulRegister;
let database: pg.Client;
let accepted: TopicLog;
let sealed: TopicLog;
let settings: WhySettings;
let count = 0;
const named: { fault: string; right: string; found: string }[] = [];

beforeAll(async () => {
  register = await ForgetfulRegister.start();
  world = await World.start({
    groups: [
      ['integration-point', 'register-lookup', 'notification'],
      ['encryption'],
      ['provider-dispatch'],
      ['receipts'],
    ],
    settings: { KRR_URL: register.url },
    receiptDelayMs: RECEIPT_DELAY_MS,
  });
  register.behind = world.sandbox.url;
  settings = settingsOf(world);
  database = new pg.Client({ connectionString: settings.POSTGRES_URL });
  await database.connect();
  accepted = await world.follow('letter.accepted.v1');
  sealed = await world.follow('letter.dispatch.digipost.v1');
  const toMailbox = await Promise.all(Array.from({ length: USUAL }, () => handIn('digipost')));
  const onPaper = await Promise.all(Array.from({ length: USUAL }, () => handIn('no-mailbox')));
  for (const id of [...toMailbox, ...onPaper]) await isNow(id, 'done', 60_000);
}, 150_000);

afterAll(async () => {
  await database?.end();
  await world?.stop();
  await register?.stop();
}, 60_000);

// one that is not found leaves its fault to nobody else
afterEach(() => {
  for (const system of FAULTY_SYSTEMS) world?.sandbox.fault({ system, mode: 'none' });
});

describe('the cause is found of', () => {
  it('a letter at its end, however it ended', async () => {
    const [done, refused, failed] = await Promise.all([
      handIn('digipost'),
      handIn('unknown-address'),
      handIn('rejected'),
    ]);
    await isNamed('nothing: it is delivered', done, 'done');
    await isNamed('a rule that refuses', refused, 'refused');
    await isNamed('a provider that fails', failed, 'failed-at-provider');
  }, 120_000);

  it('what register-lookup waits for', async () => {
    world.sandbox.fault({ system: 'krr', mode: 'off' });
    await isNamed('contact register away', await handIn('digipost'), 'contact-register-away', 'register-lookup');
    world.sandbox.fault({ system: 'krr', mode: 'none' });

    // an agency of its own: another's token would still do
    const another = await agency();
    world.sandbox.fault({ system: 'maskinporten', mode: 'off' });
    await isNamed('Maskinporten away', await handIn('digipost', another), 'maskinporten-away', 'register-lookup');
    world.sandbox.fault({ system: 'maskinporten', mode: 'none' });

    const lapsed = await agency();
    await fetch(`${world.sandbox.url}/admin/delegations`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ consumer: lapsed.orgnr }),
    });
    await isNamed('delegation lapsed', await handIn('digipost', lapsed), 'no-access-to-register', 'register-lookup');

    const careless = await agency();
    await database.query('INSERT INTO register_lookup.held_sender (sender) VALUES ($1)', [careless.orgnr]);
    await isNamed(
      'bad address list',
      await handIn('digipost', careless),
      'held-for-too-many-refusals',
      'register-lookup',
    );

    world.sandbox.fault({ system: 'folkeregisteret', mode: 'off' });
    await isNamed('Folkeregisteret away', await handIn('no-mailbox'), 'population-register-away', 'register-lookup');
    world.sandbox.fault({ system: 'folkeregisteret', mode: 'none' });
  }, 200_000);

  it('a record that waits to be tried again, or cannot be processed', async () => {
    register.forgotten = nationalIdOf('sami');
    // others are asked about in the same call, and answered for
    const [forgotten] = await Promise.all([handIn('sami'), ...Array.from({ length: 12 }, () => handIn('digipost'))]);
    await isNamed('no answer for one person', forgotten, 'register-has-no-answer-for-recipient', 'register-lookup');
    register.forgotten = undefined;

    // a row that was damaged where it lies: the sweep publishes it as it is
    const damaged = letterIdOf(AGENCY, 'damaged');
    await database.query(
      `INSERT INTO integration_point.letter (id, sender, reference, content_hash, body, accepted_at)
       VALUES ($1, $2, 'damaged', '\\x00', '\\xc301deadbeef', now() - interval '1 minute')`,
      [damaged, AGENCY],
    );
    await isNamed('dead letter', damaged, 'dead-letter', 'register-lookup');
  }, 120_000);

  it('a hand-over that is not made', async () => {
    const unwelcome = await agency();
    world.sandbox.fault({ system: 'access-point', mode: 'status', status: 403 });
    await isNamed(
      'delegation to send lapsed',
      await handIn('digipost', unwelcome),
      'no-right-to-send',
      'provider-dispatch',
    );
    world.sandbox.fault({ system: 'access-point', mode: 'status', status: 429, retryAfterSeconds: 20 });
    await isNamed('429', await handIn('eboks'), 'access-point-asks-for-patience', 'provider-dispatch');
    world.sandbox.fault({ system: 'access-point', mode: 'none' });
    world.sandbox.fault({ system: 'access-point', mode: 'off' });
    await isNamed('access point away', await handIn('no-mailbox'), 'access-point-away', 'provider-dispatch');
    world.sandbox.fault({ system: 'access-point', mode: 'none' });
    // every connection that the outage cut is known to be cut: a letter lost with one is uncertain, too, and not at the provider
    await isNow(await handIn('digipost'), 'done', 60_000);
    world.sandbox.fault({ system: 'access-point', mode: 'drop-answer-after-effect' });
    const dropped = await handIn('digipost');
    await eventually('the provider has it', () => isAtProvider(dropped), 60_000);
    world.sandbox.fault({ system: 'access-point', mode: 'none' });
    await isNamed('answer dropped', dropped, 'hand-over-uncertain', 'provider-dispatch');
  }, 150_000);

  it('a receipt that does not come, or does not count', async () => {
    world.sandbox.fault({ system: 'digipost', mode: 'bad-signer' });
    const forged = await handIn('digipost');
    await isNamed('receipt forged', forged, 'receipt-set-aside');
    world.sandbox.fault({ system: 'digipost', mode: 'none' });

    world.sandbox.fault({ system: 'digipost', mode: 'unknown-conversation' });
    await isNamed('receipt of an unknown conversation', await handIn('digipost'), 'receipt-names-unknown-conversation');
    world.sandbox.fault({ system: 'digipost', mode: 'none' });

    world.sandbox.fault({ system: 'digipost', mode: 'silent' });
    const lost = await handIn('digipost');
    await eventually('the letter is handed over', async () => (await whyOf(lost)).next?.event === 'Delivered', 60_000);
    await eventually('the receipt is lost', () => deliveredAt(lost));
    await new Promise((resolve) => setTimeout(resolve, 3 * RECEIPT_DELAY_MS));
    world.sandbox.fault({ system: 'digipost', mode: 'none' });
    await isNow(await handIn('digipost'), 'done', 60_000);
    await isNamed('receipt lost', lost, 'receipt-missing');

    world.sandbox.fault({ system: 'digipost', mode: 'off' });
    await isNamed('provider away', await handIn('digipost'), 'provider-silent');
    world.sandbox.fault({ system: 'digipost', mode: 'none' });

    // of the two receipts of the print shop the second is lost
    world.sandbox.fault({ system: 'print', mode: 'silent', percent: 50 });
    await isNamed('print shop silent after it has the letter', await handIn('no-mailbox'), 'not-posted-in-time');
    world.sandbox.fault({ system: 'print', mode: 'none' });
  }, 200_000);

  it('a service message that is not sent', async () => {
    world.sandbox.fault({ system: 'smtp', mode: 'off' });
    const letter = await handIn('reserved', undefined, { kind: 'information', serviceMessage: true });
    await isNamed('mail server away', letter, 'notice-waits-for-mail-server', 'notification');
    world.sandbox.fault({ system: 'smtp', mode: 'none' });
  }, 90_000);

  it('a service that is down, and what it finds when it is back', async () => {
    const dispatch = world.process('provider-dispatch');
    const encryption = world.process('encryption');
    const receipts = world.process('receipts');
    await dispatch.kill();
    const [atDispatch, withoutPackage] = await Promise.all([handIn('digipost'), handIn('digipost')]);
    await sealed.until(
      () => [atDispatch, withoutPackage].every((id) => sealed.records.some(({ key }) => key === id)),
      60_000,
      () => 'the letters were not sealed',
    );
    await encryption.kill();
    const [atEncryption, withoutDocument] = await Promise.all([handIn('digipost'), handIn('digipost')]);
    await eraseDocuments(
      decode('letter.dispatch.v1', valueOf(sealed, withoutPackage)).packageRef,
      ...(await eventually('accepted', () => documentsOf(withoutDocument))),
    );
    await isNamed('dispatch down', atDispatch, 'service-down', 'provider-dispatch');
    await isNamed('encryption down', atEncryption, 'service-down', 'encryption');
    encryption.start();
    dispatch.start();
    await Promise.all([encryption.ready(), dispatch.ready()]);
    await isNamed('document gone', withoutDocument, 'document-unusable', 'encryption');
    await isNamed('package gone', withoutPackage, 'package-cannot-be-handed-over');

    await receipts.kill();
    const unseen = await handIn('digipost');
    await isNamed('receipts down', unseen, 'service-down', 'receipts');
    // a backup of a while ago is put back
    await database.query('UPDATE receipts.consumed_offset SET next_offset = next_offset - 1 WHERE next_offset > 1');
    await isNamed('database restored', unseen, 'database-restored', 'receipts');
    receipts.start();
    await receipts.ready();
    await isNow(unseen, 'done', 60_000);
  }, 250_000);

  it('nothing when the database is away, which is said', async () => {
    const nowhere = { ...settings, POSTGRES_URL: 'postgres://postgang@127.0.0.1:1/none' };
    const { situation } = await investigate(nowhere, letterIdOf(AGENCY, 'any'));
    named.push({ fault: 'database away', right: 'database-away', found: explain(situation).cause.id });
    expect(situation.silent).toEqual(['database']);
  }, 60_000);

  it('at least nineteen faults of twenty', () => {
    const wrong = named.filter(({ right, found }) => right !== found);
    process.stdout.write(`${named.length} kinds of fault, ${named.length - wrong.length} causes right\n`);
    expect(named.length).toBeGreaterThanOrEqual(20);
    expect(wrong.length).toBeLessThanOrEqual(named.length / 20);
  });
});

describe('who asks', () => {
  it('hears at the command line what to do, by id or by reference', async () => {
    const letterId = await handIn('digipost');
    const reference = `why-${count}`;
    await isNow(letterId, 'done', 60_000);
    const told = await postgang('why', '--reference', reference, '--sender', AGENCY);
    expect(told).toMatchObject({ code: 0, stdout: expect.stringContaining(`Letter ${letterId}  DELIVERED  digipost`) });
    const json = await postgang('why', letterId, '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      letterId,
      reference,
      cause: { id: 'done' },
      next: null,
      notAsked: [],
    });
    expect(await postgang('why', letterIdOf(AGENCY, 'never handed in'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no such letter'),
    });
    expect(await postgang('why', 'case-1')).toMatchObject({ code: 2 });
  }, 120_000);

  it('hears of an agency’s own letters only, over REST, and nothing of our insides', async () => {
    const letterId = await handIn('digipost');
    await isNow(letterId, 'done', 60_000);
    const { status, body } = await ask(world, `/v1/letters/${letterId}/why`);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        letterId,
        status: 'DELIVERED',
        cause: { id: 'done', sentence: expect.stringContaining('end') },
        next: null,
        late: false,
        usual: null,
      },
    });
    const stranger = await agency();
    expect(await ask(world, `/v1/letters/${letterId}/why`, { token: await stranger.token() })).toMatchObject({
      status: 404,
      body: { type: 'https://postgang.no/problems/letter-not-found' },
    });
    expect(await ask(world, '/v1/letters/nonsense/why')).toMatchObject({ status: 404 });
  }, 120_000);

  it('sees the same cause for a protected address as for an unknown one', async () => {
    const [hidden, unknown] = await Promise.all([handIn('protected'), handIn('unknown-address')]);
    const whys = await Promise.all(
      [hidden, unknown].map(async (letterId) => {
        await isNow(letterId, 'refused', 60_000);
        const { body } = await ask(world, `/v1/letters/${letterId}/why`);
        return { ...body, letterId: '' };
      }),
    );
    expect(whys[0]).toEqual(whys[1]);
  }, 120_000);

  it('gets a list of what is stuck, days before a deadline', async () => {
    world.sandbox.fault({ system: 'digipost', mode: 'silent' });
    const letterId = await handIn('digipost');
    await isNow(letterId, 'provider-silent', 60_000);
    world.sandbox.fault({ system: 'digipost', mode: 'none' });
    const { stdout } = await postgang('stuck', '--at-least', '0', '--sender', AGENCY, '--json');
    expect(JSON.parse(stdout)).toContainEqual(
      expect.objectContaining({ letterId, awaits: 'Delivered', owedBy: 'digipost' }),
    );
    const { body } = await ask(world, `/v1/letters/${letterId}/why`);
    expect(body).toMatchObject({ late: true, next: { owedBy: 'digipost' }, usual: { provider: 'digipost' } });
  }, 120_000);
});

type LocalAgency = Awaited<ReturnType<World['add']>>;

async function handIn(recipient: string, of?: LocalAgency, more: Partial<Part> = {}): Promise<string> {
  const part: Part = { case: recipient, kind: 'enkeltvedtak', end: 'DELIVERED', ...more };
  const letter: DemoLetter = letterTo(part, `why-${++count}`);
  const sender = of === undefined ? world.agency : new Agency(world.api, of);
  return sender.handInByRest(letter);
}

/** Synthetic organisation numbers that nobody else here has. */
let agencies = 0;
function agency(): Promise<LocalAgency> {
  for (;;) {
    const head = String(31_100_000 + agencies++);
    const sum = [3, 2, 7, 6, 5, 4, 3, 2].reduce((total, weight, at) => total + weight * Number(head[at]), 0);
    const check = (11 - (sum % 11)) % 11;
    if (check < 10) return world.add(head + String(check));
  }
}

async function whyOf(letterId: string): Promise<Explanation> {
  return explain((await investigate(settings, letterId)).situation);
}

async function isNow(letterId: string, cause: string, timeoutMs: number): Promise<void> {
  let last: unknown;
  await eventually(
    `${cause} of ${letterId}`,
    async () => {
      const found = await whyOf(letterId);
      last = found.cause.id;
      return found.cause.id === cause;
    },
    timeoutMs,
  ).catch((error: unknown) => {
    throw new Error(`${cause} was not found, but ${String(last)}\n${world.lastWords()}`, { cause: error });
  });
}

/** Waits for the right cause; a wrong one is only counted, and the last spec says whether they are too many. */
async function isNamed(fault: string, letterId: string, right: string, turn?: Turn): Promise<void> {
  let last = 'nothing';
  const found = await eventually(
    fault,
    async () => {
      const why = await whyOf(letterId);
      last = `${why.cause.id} (turn of ${why.turn ?? 'nobody here'})`;
      return why.cause.id === right && (turn === undefined || why.turn === turn);
    },
    FOUND_WITHIN_MS,
  ).then(
    () => right,
    () => last,
  );
  if (found !== right) process.stderr.write(`${fault}: ${found} instead of ${right}\n`);
  named.push({ fault, right, found });
}

const valueOf = (log: TopicLog, letterId: string): Buffer | null =>
  log.records.find(({ key }) => key === letterId)?.value ?? null;

function documentsOf(letterId: string): string[] | undefined {
  const value = valueOf(accepted, letterId);
  return value === null ? undefined : decode('letter.accepted.v1', value).letter.documents.map(({ ref }) => ref);
}

async function deliveredAt(letterId: string): Promise<true | undefined> {
  const seen = await database.query('SELECT FROM history_api_v1.history WHERE letter_id = $1 AND kind = $2', [
    letterId,
    'handed-over',
  ]);
  return (seen.rowCount ?? 0) > 0 ? true : undefined;
}

async function isAtProvider(letterId: string): Promise<boolean> {
  const query = `conversationId=${conversationIdOf(letterId, 1)}`;
  const answer = await (await fetch(`${world.sandbox.url}/admin/deliveries?${query}`)).text();
  return answer.includes(conversationIdOf(letterId, 1));
}

async function eraseDocuments(...refs: readonly string[]): Promise<void> {
  const store = await FilesystemStore.open({
    root: world.settings['DOCUMENT_STORE'] ?? '',
    keys: MasterKeys.parse(readFileSync(world.settings['DOCUMENT_KEYS_FILE'] ?? '', 'utf8')),
  });
  for (const ref of refs) await store.erase(ref);
  await store.close();
}

function settingsOf({ settings: given }: World): WhySettings {
  return {
    KAFKA_BROKERS: (given['KAFKA_BROKERS'] ?? '').split(','),
    KAFKA_SSL_CA: undefined,
    KAFKA_USERNAME: undefined,
    KAFKA_PASSWORD: undefined,
    TOPIC_PREFIX: given['TOPIC_PREFIX'] ?? '',
    REDIS_URL: given['REDIS_URL'],
    POSTGRES_URL: given['POSTGRES_URL'] ?? '',
    CLOCK_START: undefined,
    CLOCK_RATE: undefined,
  };
}

/** The command as an operator runs it, with the services' environment. */
function postgang(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const bin = new URL('../../cli/bin/postgang.mjs', import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [bin, ...args],
      { env: { ...process.env, ...world.settings }, timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr }),
    );
  });
}
