import type { ServiceMessage } from '@postgang/rules';
import { createTransport, type Transporter } from 'nodemailer';
import type { NotificationConfig } from './config.js';
import type { SendOutcome } from './db/effects.js';

/** One mail server. A mail is tried once: SMTP has nothing to ask afterwards, so an unclear end is never followed by a second try. */
export class Mailer {
  private readonly transport: Transporter;

  constructor(private readonly config: NotificationConfig) {
    const tls = config.SMTP_TLS === 'required';
    this.transport = createTransport({
      host: config.SMTP_HOST,
      port: config.SMTP_PORT,
      secure: tls && config.SMTP_PORT === 465,
      requireTLS: tls,
      ignoreTLS: !tls,
      pool: true,
      maxConnections: 4,
      connectionTimeout: 5_000,
      greetingTimeout: 5_000,
      socketTimeout: 20_000,
      disableFileAccess: true,
      disableUrlAccess: true,
      ...(config.SMTP_USER === undefined ? {} : { auth: { user: config.SMTP_USER, pass: config.SMTP_PASSWORD ?? '' } }),
    });
  }

  async send(address: string, message: ServiceMessage, id: string): Promise<SendOutcome> {
    try {
      await this.transport.sendMail({
        from: this.config.MAIL_FROM,
        to: { name: '', address },
        subject: message.subject,
        text: message.text,
        messageId: `<${id}@${this.config.MAIL_FROM.split('@')[1]}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return { outcome: 'SENT', reason: null };
    } catch (error) {
      const code = (error as { responseCode?: number }).responseCode;
      // a final "no" of the server; everything else may have been delivered
      return code !== undefined && code >= 500
        ? { outcome: 'REFUSED', reason: `smtp-${code}` }
        : { outcome: 'UNCERTAIN', reason: 'smtp-unclear' };
    }
  }
}
