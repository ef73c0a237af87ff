import type { Runtime } from '@postgang/runtime';

type Look = (result: { observe(value: number, labels: Record<string, string>): void }) => void;

/**
 * Whose post waits because we may not send for them (401, 403, no delegation): one alarm for each, however many letters wait. In memory; an agency
 * of which nothing more was heard for a while is not told of any more, as its letters may go through another instance again.
 */
export class HeldSenders {
  private readonly held = new Map<string, { readonly reason: string; readonly until: number }>();
  /** A series that only ends says nothing to an alarm: it is told as 0 from then on. */
  private readonly told = new Map<string, Record<string, string>>();
  readonly stop: () => void;

  constructor(
    private readonly runtime: Pick<Runtime, 'log' | 'metrics' | 'service'>,
    private readonly forMs: number,
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
    if (!this.isHeld(sender))
      this.runtime.log.error(
        { sender, reason },
        'no right to send for this agency: its post waits, nothing is refused; its delegation or token must be mended',
      );
    this.held.set(sender, { reason, until: this.now() + this.forMs });
  }

  /** A letter of theirs was taken to the provider. */
  release(sender: string): void {
    if (this.held.delete(sender)) this.runtime.log.info({ sender }, 'the post of this agency goes again');
  }

  private isHeld(sender: string): boolean {
    return (this.held.get(sender)?.until ?? -Infinity) > this.now();
  }

  private observe(result: Parameters<Look>[0]): void {
    const { service } = this.runtime;
    for (const [sender, { reason }] of this.held) this.told.set(`${sender} ${reason}`, { service, sender, reason });
    for (const labels of this.told.values()) {
      const sender = labels['sender'] ?? '';
      const current = this.isHeld(sender) && this.held.get(sender)?.reason === labels['reason'];
      result.observe(current ? 1 : 0, labels);
    }
  }
}
