const FIRST = [3, 7, 6, 1, 8, 9, 4, 5, 2];
const SECOND = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];

/** Adds the two check digits (modulus 11) to date and individual number; undefined where there are none. */
export function withCheckDigits(nineDigits: string): string | undefined {
  const digits = [...nineDigits].map(Number);
  const first = checkDigit(digits, FIRST);
  if (first === undefined) return undefined;
  const second = checkDigit([...digits, first], SECOND);
  return second === undefined ? undefined : `${nineDigits}${first}${second}`;
}

function checkDigit(digits: readonly number[], weights: readonly number[]): number | undefined {
  const sum = weights.reduce((total, weight, index) => total + weight * (digits[index] as number), 0);
  const digit = (11 - (sum % 11)) % 11;
  return digit === 10 ? undefined : digit;
}
