import type { Runtime } from '@postgang/runtime';

type Look = (result: { observe(value: number, labels: Record<string, string>): void }) => void;

/**
 * Whose post waits because we may not send for them (401, 403, no delegation): one alarm for each, and one letter that tries from time to time, however
 * many wait. In memory; an agency of which nothing more was heard for two tries is not told of any more, as its letters may go through another
 * instance again.
 */
export class HeldSenders {
  private readonly held = new Map<
    string,
    { readonly reason: string; readonly until: number; readonly tryAt: number; readonly probing: boolean }
  >();
  /** A series that only ends says nothing to an alarm: it is told as 0 from then on. */
  private readonly told = new Map<string, Record<string, string>>();
  readonly stop: () => void;

  constructor(
    private readonly runtime: Pick<Runtime, 'log' | 'metrics' | 'service'>,
    /** Between two tries, milliseconds. */
    private readonly tryEveryMs: number,
    /** After which a letter that tries, and of which nothing more was heard, is lost: longer than any call, milliseconds. */
    private readonly probeMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    const gauge = runtime.metrics.meter.createObservableGauge('senders_held', {
      description: '1 while the post of an agency waits because we may not send for it',
    });
    const look: Look = (result) => this.observe(result);
    gauge.addCallback(look);
    this.stop = () => gauge.removeCallback(look);
  }

  hold(sender: string, reason: string): void {
    const now = this.now();
    if (!this.isHeld(sender))
      this.runtime.log.error(
        { sender, reason },
        'no right to send for this agency: its post waits, nothing is refused; its delegation or token must be mended',
      );
    const known = this.held.get(sender);
    this.told.set(`${sender} ${reason}`, { service: this.runtime.service, sender, reason });
    const waits = known !== undefined && !known.probing && known.tryAt > now;
    if (!waits)
      this.held.set(sender, { reason, until: now + 2 * this.tryEveryMs, tryAt: now + this.tryEveryMs, probing: false });
  }

  /** Whether a letter of theirs may go: any, while they are not held; one at a time, when it is time to try. */
  admits(sender: string): boolean {
    const known = this.held.get(sender);
    if (known === undefined) return true;
    const now = this.now();
    if (known.tryAt > now) return false;
    this.held.set(sender, { ...known, tryAt: now + this.probeMs, probing: true });
    return true;
  }

  /** Of whom no more than so many letters are worth claiming: one of whoever may try, none of the others that are held. */
  most(): ReadonlyMap<string, number> {
    const now = this.now();
    return new Map([...this.held].map(([sender, { tryAt }]) => [sender, tryAt > now ? 0 : 1]));
  }

  /** A letter of theirs was taken to the provider. */
  release(sender: string): void {
    if (this.held.delete(sender)) this.runtime.log.info({ sender }, 'the post of this agency goes again');
  }

  private isHeld(sender: string): boolean {
    return (this.held.get(sender)?.until ?? -Infinity) > this.now();
  }

  private observe(result: Parameters<Look>[0]): void {
    for (const labels of this.told.values()) {
      const sender = labels['sender'] ?? '';
      const current = this.isHeld(sender) && this.held.get(sender)?.reason === labels['reason'];
      result.observe(current ? 1 : 0, labels);
    }
  }
}
