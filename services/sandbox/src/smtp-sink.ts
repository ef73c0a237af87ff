import { simpleParser } from 'mailparser';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server';
import type { Counts } from './admin/counts.js';
import type { Faults } from './admin/faults.js';

export interface ReceivedMail {
  /** Envelope, not header. */
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly messageId: string;
  readonly headers: Record<string, string>;
  readonly at: string;
}

const MAX_MAIL_BYTES = 1024 * 1024;
const KEPT = 1_000;

/** Takes every mail, delivers none. */
export class SmtpSink {
  private readonly mails: ReceivedMail[] = [];
  private readonly messageIds = new Set<string>();
  private readonly server: SMTPServer;
  private readonly sockets = new Map<number, Socket>();

  constructor(
    private readonly counts: Counts,
    private readonly faults: Faults,
  ) {
    this.server = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      size: MAX_MAIL_BYTES,
      disableReverseLookup: true,
      logger: false,
      onConnect: (_session, done) =>
        this.faults.hits('smtp', 'off') ? done(refusal(421, 'Service not available')) : done(),
      onData: (stream, session, done) => {
        const from = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address;
        const to = session.envelope.rcptTo.map((recipient) => recipient.address);
        this.take(stream, from, to).then(
          (error) => {
            // taken, but the sender never hears of it
            if (error === null && this.faults.hits('smtp', 'drop-answer-after-effect'))
              this.sockets.get(session.remotePort)?.destroy();
            else done(error);
          },
          () => done(refusal(451, 'Cannot read the message')),
        );
      },
    });
    this.server.server.on('connection', (socket: Socket) => {
      const port = socket.remotePort ?? 0;
      this.sockets.set(port, socket);
      socket.once('close', () => this.sockets.delete(port));
    });
    // a client that hangs up is no event for a sink
    this.server.on('error', () => undefined);
  }

  async listen(port: number, host: string): Promise<number> {
    const listening = this.server.listen(port, host);
    await once(listening, 'listening');
    return (listening.address() as AddressInfo).port;
  }

  /** Newest first. */
  list(filter: { to?: string; limit: number }): readonly ReceivedMail[] {
    return [...this.mails]
      .reverse()
      .filter((mail) => filter.to === undefined || mail.to.includes(filter.to))
      .slice(0, filter.limit);
  }

  clear(): void {
    this.mails.length = 0;
    this.messageIds.clear();
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async take(stream: SMTPServerDataStream, from: string, to: readonly string[]): Promise<Error | null> {
    const parsed = await simpleParser(stream, { skipImageLinks: true });
    const fault = this.faults.strike('smtp', 'status');
    if (stream.sizeExceeded || fault !== undefined) {
      this.counts.mail.refused++;
      return stream.sizeExceeded
        ? refusal(552, 'Message too large')
        : refusal(fault?.status ?? 451, 'Fault switched on');
    }
    this.counts.mail.accepted++;
    this.messageIds.add(parsed.messageId ?? '');
    this.counts.mail.distinctMessageIds = this.messageIds.size;
    if (this.mails.length >= KEPT) this.mails.shift();
    this.mails.push({
      from,
      to,
      subject: parsed.subject ?? '',
      text: parsed.text ?? '',
      messageId: parsed.messageId ?? '',
      headers: Object.fromEntries(parsed.headerLines.map(({ key, line }) => [key, line.slice(key.length + 1).trim()])),
      at: new Date().toISOString(),
    });
    return null;
  }
}

const refusal = (responseCode: number, message: string): Error => Object.assign(new Error(message), { responseCode });
