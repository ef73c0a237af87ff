import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { startSandbox, type ReceivedMail, type Sandbox } from '../src/index.js';
import { Sender } from './sender.js';

let dir: string;
let sandbox: Sandbox;
let sender: Sender;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sandbox-'));
  sandbox = await startSandbox({ dir });
  sender = new Sender(sandbox);
});
beforeEach(() => sender.post('/admin/reset', {}));
afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

const mail = {
  from: 'post@postgang.example',
  to: 'unni@epost.example',
  subject: 'Påminnelse',
  text: 'Timen er i morgen.',
};
const send = (more: Partial<typeof mail> = {}): Promise<unknown> =>
  createTransport({ ...sandbox.smtp, ignoreTLS: true }).sendMail({ ...mail, ...more });

describe('the SMTP sink', () => {
  it('takes mail, counts it and shows it', async () => {
    await send();
    await send({ to: 'ebbe@epost.example' });
    const found = await sender.get<ReceivedMail[]>('/admin/mail?to=unni@epost.example');
    expect(found).toMatchObject([{ to: ['unni@epost.example'], subject: 'Påminnelse', text: 'Timen er i morgen.\n' }]);
    expect(sandbox.counts.mail).toEqual({ accepted: 2, distinctMessageIds: 2, refused: 0 });
  });

  it('refuses with the status ordered, and when it is off', async () => {
    sandbox.fault({ system: 'smtp', mode: 'status', status: 550 });
    await expect(send()).rejects.toMatchObject({ responseCode: 550 });
    sandbox.fault({ system: 'smtp', mode: 'off' });
    await expect(send()).rejects.toThrow();
    expect(sandbox.counts.mail).toEqual({ accepted: 0, distinctMessageIds: 0, refused: 1 });
  });

  it('takes the mail and drops the answer', async () => {
    sandbox.fault({ system: 'smtp', mode: 'drop-answer-after-effect' });
    await expect(send()).rejects.not.toHaveProperty('responseCode');
    expect(sandbox.counts.mail.accepted).toBe(1);
  });
});
