import { isOrganisationNumber } from '@postgang/rules';
import { personFor } from '@postgang/sandbox';

const FIRST_ORGANISATION = 311_000_000;

/** Synthetic organisation numbers (they begin with 3), valid modulus 11. */
export function senderNumbers(count: number): string[] {
  const numbers: string[] = [];
  for (let number = FIRST_ORGANISATION; numbers.length < count; number++)
    if (isOrganisationNumber(String(number))) numbers.push(String(number));
  return numbers;
}

/** A fiftieth of the senders send four fifths of the letters: of five letters in a row, four come from them. */
export function senderOf(index: number, senders: readonly string[]): string {
  const large = Math.max(1, Math.round(senders.length / 50));
  const rest = senders.length - large;
  const turn = Math.floor(index / 5);
  if (index % 5 !== 4 || rest === 0) return senders[(turn * 4 + (index % 5)) % large] as string;
  return senders[large + (turn % rest)] as string;
}

/** Of every twenty consecutive letters thirteen have a mailbox and seven get paper (services/sandbox, generated people). */
export const recipientOf = (index: number): string => personFor(1, index).nationalId;

/** A one-page PDF of about `bytes` bytes whose text cannot be compressed away; each letter's own ends with its reference. */
export function documentOf(bytes: number): (reference: string) => Buffer {
  const head = '%PDF-1.4\n%\u00e5\u00e5\n';
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<>>>>',
  ];
  const content = noise(Math.max(0, bytes - 500));
  objects.push(`<</Length ${content.length}>>stream\n${content}\nendstream`);
  let body = head;
  const offsets = objects.map((object, index) => {
    const offset = body.length;
    body += `${index + 1} 0 obj${object}endobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  body += `xref\n0 5\n0000000000 65535 f \n${table}trailer<</Size 5/Root 1 0 R>>\nstartxref\n${body.length}\n%%EOF\n`;
  const shared = Buffer.from(body, 'latin1');
  return (reference) => Buffer.concat([shared, Buffer.from(`%${reference}\n`)]);
}

/** Comments of hexadecimal noise, the same at every run. */
function noise(length: number): string {
  let state = 1;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += text.length % 80 === 0 ? '%' : (state >>> 8).toString(36).slice(0, 1);
  }
  return text;
}
