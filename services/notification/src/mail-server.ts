import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { Readable } from 'node:stream';
import type { NotificationConfig } from './config.js';

/** In milliseconds. */
export interface MailLimits {
  readonly connectMs: number;
  /** In the middle of a conversation. */
  readonly silenceMs: number;
  /** One mail, with the conversation begun for it: a server that always says a little is never silent. */
  readonly mailMs: number;
}

export const MAIL_LIMITS: MailLimits = { connectMs: 5_000, silenceMs: 10_000, mailMs: 40_000 };

export interface Outgoing {
  /** One address; checked before. */
  readonly address: string;
  /** The whole message, RFC 5322. */
  readonly message: Buffer;
}

/**
 * What the server said, or how far we came:
 *
 *   sent        it took responsibility (2xx after the data)
 *   refused     a final no (5xx) about this recipient or this mail
 *   later       a passing no (4xx), or no time left; it was certainly not taken
 *   silent      a conversation that had begun went no further at this mail: for its address, or for all; it was certainly not taken
 *   away        nobody to talk to, or nobody who talks to us; it was certainly not taken
 *   uncertain   the data were on their way, and no answer came: it may have been taken
 */
export type MailEnd =
  | { readonly end: 'sent' }
  | { readonly end: 'refused' | 'later' | 'uncertain'; readonly reason: string }
  | { readonly end: 'silent' | 'away'; readonly cause: unknown };

/**
 * One conversation with the mail server at a time. Not nodemailer's own pool: that sends a mail again when the connection is lost after the data
 * (maxRequeues), and its errors do not tell before from after.
 */
export class MailServer {
  private connection: SMTPConnection | undefined;

  constructor(
    private readonly config: NotificationConfig,
    private readonly limits = MAIL_LIMITS,
  ) {}

  /** `until` (milliseconds of `performance.now`): the mail is not given to the server after that, and there is an answer soon after. */
  async send({ address, message }: Outgoing, until = Infinity): Promise<MailEnd> {
    const limit = Math.min(until, performance.now() + this.limits.mailMs);
    let connection: SMTPConnection;
    try {
      connection = this.connection ??= await this.open(limit);
    } catch (error) {
      return { end: 'away', cause: error };
    }
    // read from only when the server has said "go on" to DATA: until then it cannot have the mail
    let begun = false;
    const body = new Readable({
      read() {
        if (performance.now() >= limit) return void this.destroy(new Error('too late'));
        begun = true;
        this.push(message);
        this.push(null);
      },
    });
    const envelope = { from: this.config.MAIL_FROM, to: [address] };
    const error = await inTime<SmtpError | null>(
      limit,
      (end) => connection.send(envelope, body, end),
      (late) => late,
    );
    if (error === null) return { end: 'sent' };
    // whatever state the conversation is in, the next mail gets a new one
    this.close();
    return endOf(error, begun);
  }

  close(): void {
    this.connection?.close();
    this.connection = undefined;
  }

  private async open(limit: number): Promise<SMTPConnection> {
    const { SMTP_HOST: host, SMTP_PORT: port, SMTP_TLS, SMTP_USER: user, SMTP_PASSWORD: pass = '' } = this.config;
    const tls = SMTP_TLS === 'required';
    const connection = new SMTPConnection({
      host,
      port,
      secure: tls && port === 465,
      requireTLS: tls,
      ignoreTLS: !tls,
      tls: { minVersion: 'TLSv1.2' },
      connectionTimeout: this.limits.connectMs,
      greetingTimeout: this.limits.connectMs,
      socketTimeout: this.limits.silenceMs,
    });
    const failure = await inTime<Error | null | undefined>(
      limit,
      (end) => {
        // neither connect nor login tells its callback of a conversation that breaks off
        connection.once('error', end);
        connection.connect((error) => {
          if (error != null || user === undefined) end(error);
          else connection.login({ credentials: { user, pass } }, end);
        });
      },
      (late) => late,
    );
    if (failure != null) {
      connection.close();
      throw failure;
    }
    // errors while a mail is on its way come to its own callback; one between two mails is found at the next
    connection.on('error', () => this.forget(connection));
    connection.once('end', () => this.forget(connection));
    return connection;
  }

  private forget(connection: SMTPConnection): void {
    if (this.connection === connection) this.connection = undefined;
  }
}

/** What `begin` ends with, or what `late` makes of the time being over; whatever still goes on then is for the caller to close. */
function inTime<T>(limit: number, begin: (end: (value: T) => void) => void, late: (error: Error) => T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(late(new Error('no time left'))), Math.max(0, limit - performance.now()));
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

interface SmtpError extends Error {
  readonly responseCode?: number;
  readonly command?: string;
}

function endOf(error: SmtpError, begun: boolean): MailEnd {
  const { responseCode: code, command } = error;
  if (code === undefined || code < 400)
    return begun ? { end: 'uncertain', reason: 'no-answer-after-data' } : { end: 'silent', cause: error };
  // it will not take mail from us at all: about our own address, or about us. A no at RCPT is about that recipient, whatever it says: others must
  // not wait for it
  if (command === 'MAIL FROM' || (code === 421 && !begun && command !== 'RCPT TO'))
    return { end: 'away', cause: error };
  return { end: code >= 500 ? 'refused' : 'later', reason: `smtp-${code}` };
}
