/** A list on stdout, as lines or as one JSON document; that there is nothing in it is told to people on stderr, so that scripts read nothing. */
export function printList<T>(
  rows: readonly T[],
  json: boolean | undefined,
  line: (row: T) => string,
  none: string,
): void {
  if (json === true) process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
  else if (rows.length === 0) process.stderr.write(`${none}\n`);
  else process.stdout.write(rows.map((row) => `${line(row)}\n`).join(''));
}
