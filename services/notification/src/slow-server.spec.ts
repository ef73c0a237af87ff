import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Mailer, type Mail } from './mailer.js';

type Step = 'greeting' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'end';

/** `undefined`: silence. Otherwise how long the answer takes, in milliseconds. */
type Wait = (step: Step, line: string) => number | undefined;

const LIMITS = { connectMs: 300, silenceMs: 300, mailMs: 5_000 };

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

/** A mail server that answers line by line, also when the whole envelope comes at once. */
async function serverThat(wait: Wait, { pipelining = false, user }: { pipelining?: boolean; user?: string } = {}) {
  const taken: { readonly to: string; readonly at: number }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let to = '';
    let inData = false;
    let queue = Promise.resolve();
    const answer = (step: Step, line: string, text: string): void => {
      queue = queue.then(async () => {
        const ms = wait(step, line);
        if (ms === undefined) return new Promise<void>(() => undefined);
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        socket.write(`${text}\r\n`);
      });
    };
    socket.on('error', () => undefined);
    answer('greeting', '', '220 mail.example');
    let rest = '';
    socket.on('data', (data) => {
      const lines = (rest + data.toString()).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (inData) {
          if (line !== '.') continue;
          inData = false;
          taken.push({ to, at: performance.now() });
          answer('end', line, '250 taken');
        } else if (line.startsWith('EHLO'))
          socket.write(`250-mail.example\r\n${pipelining ? '250-PIPELINING\r\n' : ''}250 AUTH PLAIN\r\n`);
        else if (line.startsWith('AUTH')) answer('AUTH', line, '235 hello');
        else if (line.startsWith('MAIL')) answer('MAIL', line, '250 ok');
        else if (line.startsWith('RCPT')) {
          to = /<([^>]*)>/.exec(line)?.[1] ?? '';
          answer('RCPT', line, '250 ok');
        } else if (line === 'DATA') {
          inData = true;
          answer('DATA', line, '354 go on');
        }
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return once(server.close(), 'close');
  });
  const mailer = new Mailer(
    {
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: (server.address() as AddressInfo).port,
      SMTP_TLS: 'none',
      SMTP_USER: user,
      SMTP_PASSWORD: 'secret',
      MAIL_FROM: 'post@postgang.example',
    } as ConstructorParameters<typeof Mailer>[0],
    LIMITS,
  );
  const send = async (addresses: readonly string[], ms = 60_000): Promise<string[]> =>
    (await mailer.send(addresses.map(mailTo), performance.now() + ms)).map((end) =>
      'reason' in end ? `${end.end} ${end.reason}` : end.end,
    );
  return { send, taken };
}

const mailTo = (address: string): Mail => ({
  address,
  message: { subject: 'x', text: 'hei' },
  id: 'x',
});
const people = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}@epost.example`);
const SILENT = 'silent@epost.example';

describe.each([false, true])('a mail server with PIPELINING: %s', (pipelining) => {
  const silentAbout = (step: Step, line: string): number | undefined =>
    step === 'RCPT' && line.includes('silent') ? undefined : 0;

  it('that is silent about one address is tried later for that one, and sends to the others', async () => {
    const { send, taken } = await serverThat(silentAbout, { pipelining });
    expect(await send([SILENT, ...people(9)])).toEqual(['later no-answer', ...Array<string>(9).fill('sent')]);
    expect(taken).toHaveLength(9);
  });

  it('is not found away for one address alone', async () => {
    const { send } = await serverThat(silentAbout, { pipelining });
    expect(await send([SILENT])).toEqual(['later no-answer']);
  });

  it('that is silent about everybody is away', async () => {
    const { send, taken } = await serverThat((step) => (step === 'RCPT' ? undefined : 0), { pipelining });
    expect(await send(people(6))).toEqual(Array<string>(6).fill('away'));
    expect(taken).toHaveLength(0);
  });

  it('that is silent after the data leaves an uncertain end', async () => {
    const { send } = await serverThat((step) => (step === 'end' ? undefined : 0), { pipelining });
    expect(await send(people(1))).toEqual(['uncertain no-answer-after-data']);
  });

  it('gets no mail after the time is over, however slow it is', async () => {
    const { send, taken } = await serverThat(() => 50, { pipelining });
    const until = performance.now() + 700;
    const ends = await send(people(40), 700);
    // what was given to it in time may be taken a moment later
    for (const { at } of taken) expect(at).toBeLessThan(until + 1_000);
    expect(performance.now()).toBeLessThan(until + 1_500);
    expect(new Set(ends)).toContain('sent');
    expect(ends.slice(-20)).toEqual(Array<string>(20).fill('later no-time'));
  });
});

describe('a mail server', () => {
  it('that is silent when we say who we are is away', async () => {
    const { send } = await serverThat((step) => (step === 'AUTH' ? undefined : 0), { user: 'postgang' });
    expect(await send(people(2))).toEqual(['away', 'away']);
  });

  it('that always says a little holds up nobody longer than a mail may take', async () => {
    const trickling = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('220-mail');
      const timer = setInterval(() => socket.write('.'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    await once(trickling.listen(0, '127.0.0.1'), 'listening');
    closing.push(() => once(trickling.close(), 'close'));
    const mailer = new Mailer(
      {
        SMTP_HOST: '127.0.0.1',
        SMTP_PORT: (trickling.address() as AddressInfo).port,
        SMTP_TLS: 'none',
        MAIL_FROM: 'post@postgang.example',
      } as ConstructorParameters<typeof Mailer>[0],
      { connectMs: 60_000, silenceMs: 60_000, mailMs: 400 },
    );
    const ends = await mailer.send(people(1).map(mailTo), performance.now() + 60_000);
    expect(ends.map(({ end }) => end)).toEqual(['away']);
  }, 5_000);
});
