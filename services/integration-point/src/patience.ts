import { DependencyDown } from '@postgang/outside';

/** A caller over REST is not made to wait longer for the database, or for the broker (milliseconds). */
export const PATIENCE_MS = 5_000;

/**
 * Waits for a dependency only so long. It may answer later: until what was asked of it has come back, one way or the other, nobody else asks or
 * waits. So an outage costs one wait at a time, however many letters come meanwhile, and nothing piles up in memory.
 */
export class Patience {
  private overdue = 0;

  constructor(
    private readonly dependency: string,
    private readonly ms: number,
  ) {}

  /** Throws what `work` throws, and DependencyDown when it does not answer in time: it is not known then whether the work was done. */
  async wait<T>(work: () => Promise<T>): Promise<T> {
    if (this.overdue > 0) throw new DependencyDown(this.dependency);
    const asked = work();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.overdue += 1;
        const back = (): void => void (this.overdue -= 1);
        asked.then(back, back);
        reject(new DependencyDown(this.dependency));
      }, this.ms);
    });
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
