import { describe, expect, it } from '@jest/globals';
import type { RegisterEntry } from '@postgang/rules';
import { mailTo } from './mail-to.js';

const EVENT = { sender: '991825827', senderName: 'Skatteetaten', language: 'nb' };
const entry = (email: string | undefined, more: Partial<RegisterEntry> = {}): RegisterEntry => ({
  reserved: false,
  status: 'AKTIV',
  canBeNotified: true,
  ...(email === undefined ? {} : { email: { value: email } }),
  ...more,
});

describe('the mail for a letter', () => {
  it('goes to the address the register has, in the language the register has', () => {
    const mail = mailTo(EVENT, entry('kari@epost.example', { language: 'nn' }));
    expect(mail).toMatchObject({ address: 'kari@epost.example' });
    expect(JSON.stringify(mail)).toContain('eit brev frå Skatteetaten');
  });

  it('is written although the recipient is reserved: §9 speaks of letters with legal effect', () => {
    expect(mailTo(EVENT, entry('kari@epost.example', { reserved: true, canBeNotified: false }))).toHaveProperty(
      'address',
    );
  });

  it.each([
    ['not-registered', entry('kari@epost.example', { status: 'SLETTET' })],
    ['no-email', entry(undefined)],
    ['address-unusable', entry('kari@epost.example\r\nBcc: ola@epost.example')],
    ['address-unusable', entry('kari@epost.example, ola@epost.example')],
    ['address-unusable', entry('kari@epost.example;ola@epost.example')],
    ['address-unusable', entry('<kari@epost.example>')],
    ['address-unusable', entry('"kari ola"@epost.example')],
    ['address-unusable', entry('kari@epost.example> SIZE=1\r\nRCPT TO:<ola@epost.example')],
    ['address-unusable', entry('kari\u0000@epost.example')],
    ['address-unusable', entry('kari@epost@example')],
    ['address-unusable', entry('kari')],
    ['address-unusable', entry(`kari@${'a'.repeat(300)}.example`)],
  ])('is not written: %s', (none, found) => {
    expect(mailTo(EVENT, found)).toEqual({ none });
  });

  it.each([
    ['Skatte\r\nBcc: ola@epost.example\r\n\r\netaten', 'Skatte Bcc: ola@epost.example etaten'],
    ['  Skatte\u2028etaten\u0000 ', 'Skatte etaten'],
    ['', '991825827'],
    [null, '991825827'],
    ['E'.repeat(1_000), `${'E'.repeat(150)} `],
  ])('names the sender in one line: %j', (senderName, shown) => {
    const mail = mailTo({ ...EVENT, senderName }, entry('kari@epost.example'));
    const { subject, text } = (mail as { message: { subject: string; text: string } }).message;
    expect(text.split('\n')[0]).toContain(`fra ${shown}`);
    expect(subject).toBe('Du har fått digital post');
  });
});
