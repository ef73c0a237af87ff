import type { PostalAddress } from './routing.js';

/** What the message of a letter for print holds of an address besides the name: so many lines, each of so many characters, and the town in Norway. */
const MOST_LINES = 4;
const MOST_CHARACTERS = 100;
const MOST_TOWN_CHARACTERS = 80;

export type LinedAddress = Omit<PostalAddress, 'name'>;

export const isAbroad = ({ countryCode }: LinedAddress): boolean => countryCode !== undefined && countryCode !== 'NO';

/**
 * The lines of an address as they go to print; abroad the last of them is postal code and town, for which the message has no field there. Too many
 * lines are joined, the shortest neighbours first. Undefined when it does not fit: half an address is none.
 */
export function addressLines(address: LinedAddress): readonly string[] | undefined {
  const town = [address.postalCode, address.city].filter((part) => part !== undefined && part.trim() !== '').join(' ');
  const foreign = isAbroad(address);
  if (!foreign && !hasNorwegianTown(address)) return undefined;
  const last = foreign && town !== '' ? [town] : [];
  const lines = joined(
    address.lines.filter((line) => line.trim() !== ''),
    MOST_LINES - last.length,
  );
  if (lines.length === 0) return undefined;
  const all = [...lines, ...last];
  return all.every((line) => charactersIn(line) <= MOST_CHARACTERS) ? all : undefined;
}

const hasNorwegianTown = ({ postalCode = '', city = '' }: LinedAddress): boolean =>
  /^\d{4}$/.test(postalCode) && city.trim() !== '' && charactersIn(city) <= MOST_TOWN_CHARACTERS;

function joined(lines: readonly string[], most: number): readonly string[] {
  if (lines.length <= most) return lines;
  const pairs = lines.slice(1).map((line, index) => `${lines[index] ?? ''}, ${line}`);
  const at = pairs.reduce((best, pair, index) => (pair.length < (pairs[best] ?? '').length ? index : best), 0);
  return joined([...lines.slice(0, at), pairs[at] ?? '', ...lines.slice(at + 2)], most);
}

/** As the published schema counts them: an emoji is one. */
const charactersIn = (text: string): number => [...text].length;
