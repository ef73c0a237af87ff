import { expect, it } from '@jest/globals';
import { describeWithShared, sharedFile } from '@postgang/testing';
import { readFileSync } from 'node:fs';
import { examine, tell } from './package-commands.js';

describeWithShared('vectors/dpi/cases', 'postgang package inspect', () => {
  const file = (name: string): string => sharedFile(`vectors/dpi/cases/${name}`);

  it.each(['digital', 'utskrift'])('opens the published %s package with its P12', (name) => {
    const found = examine(readFileSync(file(`${name}-dokumentpakke.cms`)), {
      key: file('eksempel.p12'),
      password: 'changeit',
    });
    expect(found).toMatchObject({ signature: 'holds', signer: '991825827' });
  });

  it('reads the published container and message', () => {
    expect(examine(readFileSync(file('digital-dokumentpakke.zip')), {})).toMatchObject({ signature: 'holds' });
    expect(examine(readFileSync(file('digital-forretningsmelding.jwt')), {})).toMatchObject({
      type: 'digital',
      signature: 'not checked: give --trust',
    });
  });

  it('says what is missing or wrong', () => {
    const cms = readFileSync(file('digital-dokumentpakke.cms'));
    expect(() => examine(cms, {})).toThrow('needs --key');
    expect(() => examine(cms, { key: file('eksempel.p12'), password: 'wrong' })).toThrow('wrong password');
    const zip = readFileSync(file('digital-dokumentpakke.zip'));
    zip[zip.length - 200] = (zip[zip.length - 200] as number) ^ 1;
    try {
      examine(zip, {});
      throw new Error('accepted');
    } catch (error) {
      expect(tell(error)).toMatch(/^(zip-malformed|zip-name|digest-mismatch|not-a-package|mimetype-wrong)/);
    }
  });
});
