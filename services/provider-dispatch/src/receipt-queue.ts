import { DependencyDown } from '@postgang/outside';
import { PageTooLarge, type FetchedReceipt, type ReceiptSource } from '@postgang/providers';

/** Receipts in one page. A power of two: the pages of half the size begin wherever one of the whole size does. */
const PAGE = 512;
/** Characters; fetching goes on only when what was fetched has been published. */
const ENOUGH = 32 * 1024 * 1024;
/** Whoever removes a receipt that was too large, or lets it be fetched after all, is noticed so much later (milliseconds). */
const LOOK_AGAIN_MS = 600_000;
/** With more of them it is not the receipts: an access point that ignores the page size would be asked for ever. */
const MOST_TOO_LARGE = 100;
const WAIT_MS = 60_000;

/** A receipt and its place in the queue when it was fetched, from 0. */
export interface Placed {
  readonly place: number;
  readonly receipt: FetchedReceipt;
}

export interface Fetched {
  readonly receipts: readonly Placed[];
  /** Where more may lie; undefined when the queue was seen to its end. */
  readonly next: number | undefined;
}

/**
 * The queue at the access point, fetched in pages that fit. A page that is too large is asked for in halves; a receipt that is too large by
 * itself stays where it is, as only its place is known, and is passed over. Places move up as receipts before them are marked read, here
 * or by another instance: when one turns up elsewhere, or after a while, every place is looked at again.
 */
export class ReceiptQueue {
  private largest = PAGE;
  /** Places passed over, and until when (milliseconds of `elapsed`). */
  private tooLarge = new Map<number, number>();

  constructor(
    private readonly source: ReceiptSource,
    private readonly elapsed: () => number = () => performance.now(),
  ) {}

  /** How many receipts are passed over. */
  get passedOver(): number {
    return this.tooLarge.size;
  }

  /** Throws DependencyDown. `onTooLarge` hears of each receipt that is passed over from now on. */
  async fetch(from: number, onTooLarge: () => void): Promise<Fetched> {
    const receipts: Placed[] = [];
    let place = from;
    for (let size = 0; receipts.length < PAGE && size < ENOUGH;) {
      if ((this.tooLarge.get(place) ?? -Infinity) > this.elapsed()) {
        place += 1;
        continue;
      }
      const asked = this.sizeAt(place);
      const page = await this.page(place, asked, onTooLarge);
      if (page === undefined) continue;
      for (const receipt of page) {
        receipts.push({ place, receipt });
        place += 1;
        size += receipt.raw.length;
      }
      if (page.length < asked) {
        this.endsAt(place);
        return { receipts, next: undefined };
      }
    }
    return { receipts, next: place };
  }

  /** To be told of receipts marked read: what lay behind them has moved up. */
  removed(places: readonly number[]): void {
    if (this.tooLarge.size === 0 || places.length === 0) return;
    const moved = (place: number): number => place - places.filter((gone) => gone < place).length;
    this.tooLarge = new Map([...this.tooLarge].map(([place, until]) => [moved(place), until]));
  }

  /** A page begins at a multiple of its size, and holds nothing that is passed over unless that is all it holds. */
  private sizeAt(place: number): number {
    let size = this.largest;
    const fits = (): boolean =>
      place % size === 0 && ![...this.tooLarge.keys()].some((known) => known >= place && known < place + size);
    while (size > 1 && !fits()) size /= 2;
    return size;
  }

  private async page(
    place: number,
    size: number,
    onTooLarge: () => void,
  ): Promise<readonly FetchedReceipt[] | undefined> {
    try {
      const page = await this.source.fetchReceipts(place / size + 1, size);
      this.largest = Math.min(this.largest * 2, PAGE);
      if (size === 1) this.tooLarge.delete(place);
      return page;
    } catch (error) {
      if (!(error instanceof PageTooLarge)) throw error;
      this.largest = Math.max(size / 2, 1);
      if (size === 1) this.passOver(place, error, onTooLarge);
      return undefined;
    }
  }

  private passOver(place: number, error: PageTooLarge, onTooLarge: () => void): void {
    if (!this.tooLarge.has(place)) {
      if (this.tooLarge.size >= MOST_TOO_LARGE)
        throw new DependencyDown('access-point', { cause: error, retryAfterMs: WAIT_MS });
      // it may be one of the others, moved up
      for (const other of this.tooLarge.keys()) this.tooLarge.set(other, -Infinity);
      onTooLarge();
    }
    this.tooLarge.set(place, this.elapsed() + LOOK_AGAIN_MS);
  }

  private endsAt(end: number): void {
    for (const place of this.tooLarge.keys()) if (place >= end) this.tooLarge.delete(place);
  }
}
