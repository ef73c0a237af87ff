import { describe, expect, it } from '@jest/globals';
import { serviceMessage, serviceMessageAllowed } from './notification.js';
import { LEGAL_KINDS } from './words.js';

describe('a service message', () => {
  it('is allowed with information only, and never beside a notice of the mailbox', () => {
    expect(LEGAL_KINDS.filter((kind) => serviceMessageAllowed(kind, false))).toEqual(['information']);
    expect(LEGAL_KINDS.filter((kind) => serviceMessageAllowed(kind, true))).toEqual([]);
  });

  it.each([
    ['nb', ['nb'], 'Dette er en servicemelding'],
    ['nn', ['nn'], 'Dette er ei servicemelding'],
    ['en', ['en'], 'This is a service message'],
    ['se', ['se'], 'Dát lea'],
    ['the recipient’s before the letter’s', ['nn', 'en'], 'Dette er ei servicemelding'],
    ['the letter’s when the register knows none', [undefined, 'en'], 'This is a service message'],
    ['the letter’s when the register names one without a text', ['de', 'en'], 'This is a service message'],
    ['bokmål when nothing fits', ['no', undefined], 'Dette er en servicemelding'],
    [
      'bokmål for names that only look like a text',
      ['constructor', 'toString', '__proto__'],
      'Dette er en servicemelding',
    ],
  ])('is written in %s', (_name, languages, text) => {
    const message = serviceMessage('Skatteetaten', languages);
    expect(message.text).toContain(text);
    expect(message.text).toContain('Skatteetaten');
    expect(message.subject.length).toBeGreaterThan(10);
  });

  it('holds no address to follow: a link in such a message teaches people to be phished', () => {
    for (const language of ['nb', 'nn', 'en', 'se']) {
      const { subject, text } = serviceMessage('X', [language]);
      expect(subject + text).not.toMatch(/https?:|www\.|\d/);
    }
  });
});
