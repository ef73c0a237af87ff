import { oneLine } from '@postgang/runtime';

/** For people. What others wrote into a file stays within the line that speaks of it: none of it can look like a verdict, or hide one. */
export const line = (text: string): void => void process.stdout.write(`${oneLine(text)}\n`);

/** For machines; a terminal that shows it is not moved either: JSON.stringify leaves C1 controls and what turns a text's direction as they are. */
export const document = (value: object): void =>
  void process.stdout.write(
    `${JSON.stringify(value, undefined, 2).replace(/[\u007f-\u009f]|\p{Cf}|\p{Zl}|\p{Zp}/gu, escaped)}\n`,
  );

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => `\\u${hex(character.charCodeAt(at))}`).join('');
const hex = (unit: number): string => unit.toString(16).padStart(4, '0');
