import avro from 'avsc';

/** What avsc's reader of arrays works on: it follows `this.itemsType`, also where a resolver has put its own. */
interface Reader {
  readonly itemsType: { _read(tap: Tap): unknown };
  _read(tap: Tap): unknown[];
}
interface Tap {
  readonly buf: Buffer;
  readonly pos: number;
  readLong(): number;
  skipLong(): void;
}

/**
 * avsc believes the number of items that an array begins with, and makes room for them before it has seen one: four bytes of a record would fill the
 * memory of everybody who reads it, at every start again. No item of ours takes less than a byte, so there can never be more than bytes are left.
 * (The Avro specification, "Arrays": blocks of a count and so many items, a negative one with its size in bytes behind it; a count of zero ends them.)
 */
export function boundArrays(): void {
  const arrays = Object.getPrototypeOf(avro.Type.forSchema({ type: 'array', items: 'int' })) as Reader;
  arrays._read = function (tap) {
    const items: unknown[] = [];
    for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
      if (count < 0) {
        count = -count;
        tap.skipLong();
      }
      if (!(count <= tap.buf.length - tap.pos)) throw new RangeError('more items than bytes');
      for (; count > 0; count--) items.push(this.itemsType._read(tap));
    }
    return items;
  };
}
