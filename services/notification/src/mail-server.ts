import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { Readable } from 'node:stream';
import type { NotificationConfig } from './config.js';

const CONNECT_MS = 5_000;
/** Silence in the middle of a conversation. */
const SILENCE_MS = 10_000;

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
 *   later       a passing no (4xx); it was certainly not taken
 *   away        nobody to talk to, or nobody who talks to us; it was certainly not taken
 *   uncertain   the data were on their way, and no answer came: it may have been taken
 */
export type MailEnd =
  | { readonly end: 'sent' }
  | { readonly end: 'refused' | 'later' | 'uncertain'; readonly reason: string }
  | { readonly end: 'away'; readonly cause: unknown };

/**
 * One conversation with the mail server at a time. Not nodemailer's own pool: that sends a mail again when the connection is lost after the data
 * (maxRequeues), and its errors do not tell before from after.
 */
export class MailServer {
  private connection: SMTPConnection | undefined;

  constructor(private readonly config: NotificationConfig) {}

  async send({ address, message }: Outgoing): Promise<MailEnd> {
    let connection: SMTPConnection;
    try {
      connection = this.connection ??= await this.open();
    } catch (error) {
      return { end: 'away', cause: error };
    }
    // read from only when the server has said "go on" to DATA: until then it cannot have the mail
    let begun = false;
    const body = new Readable({
      read() {
        begun = true;
        this.push(message);
        this.push(null);
      },
    });
    const envelope = { from: this.config.MAIL_FROM, to: [address] };
    const error = await new Promise<SmtpError | null>((resolve) => {
      connection.send(envelope, body, (failure) => resolve(failure));
    });
    if (error === null) return { end: 'sent' };
    // whatever state the conversation is in, the next mail gets a new one
    this.close();
    return endOf(error, begun);
  }

  close(): void {
    this.connection?.close();
    this.connection = undefined;
  }

  private async open(): Promise<SMTPConnection> {
    const { SMTP_HOST: host, SMTP_PORT: port, SMTP_TLS, SMTP_USER: user, SMTP_PASSWORD: pass = '' } = this.config;
    const tls = SMTP_TLS === 'required';
    const connection = new SMTPConnection({
      host,
      port,
      secure: tls && port === 465,
      requireTLS: tls,
      ignoreTLS: !tls,
      tls: { minVersion: 'TLSv1.2' },
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
    });
    await new Promise<void>((resolve, reject) => {
      connection.once('error', reject);
      connection.connect((error) => (error == null ? resolve() : reject(error)));
    });
    // errors while a mail is on its way come to its own callback; one between two mails is found at the next
    connection.on('error', () => this.forget(connection));
    connection.once('end', () => this.forget(connection));
    if (user !== undefined)
      await new Promise<void>((resolve, reject) => {
        connection.login({ credentials: { user, pass } }, (error) => (error == null ? resolve() : reject(error)));
      });
    return connection;
  }

  private forget(connection: SMTPConnection): void {
    if (this.connection === connection) this.connection = undefined;
  }
}

interface SmtpError {
  readonly responseCode?: number;
  readonly command?: string;
}

function endOf(error: SmtpError, begun: boolean): MailEnd {
  const { responseCode: code, command } = error;
  if (code === undefined || code < 400)
    return begun ? { end: 'uncertain', reason: 'no-answer-after-data' } : { end: 'away', cause: error };
  // about this recipient's address, whatever it says: others must not wait for it
  // it will not take mail from us at all: about our own address, not about this recipient's
  if (command === 'MAIL FROM' || (code === 421 && !begun && command !== 'RCPT TO'))
    return { end: 'away', cause: error };
  return { end: code >= 500 ? 'refused' : 'later', reason: `smtp-${code}` };
}
