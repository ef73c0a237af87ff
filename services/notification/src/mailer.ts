import MailComposer from 'nodemailer/lib/mail-composer';
import type { ServiceMessage } from '@postgang/rules';
import type { NotificationConfig } from './config.js';
import { MailServer, type MailEnd } from './mail-server.js';

export interface Mail {
  readonly address: string;
  readonly message: ServiceMessage;
  /** Becomes the Message-ID: the same for every try, so that whoever gets two sees that they are one. */
  readonly id: string;
}

const CONVERSATIONS = 4;

/** Several conversations with one mail server. Each mail is handed over at most once. */
export class Mailer {
  private readonly servers: readonly MailServer[];

  constructor(private readonly config: NotificationConfig) {
    this.servers = Array.from({ length: CONVERSATIONS }, () => new MailServer(config));
  }

  /** One end per mail, in order. Once the server is found away the rest is not tried, and is `away` too. */
  async send(mails: readonly Mail[]): Promise<readonly MailEnd[]> {
    const ends = new Array<MailEnd>(mails.length);
    const waiting = mails.entries();
    let away: MailEnd | undefined;
    await Promise.all(
      this.servers.map(async (server) => {
        for (const [index, mail] of waiting) {
          const end = away ?? (await server.send({ address: mail.address, message: await this.compose(mail) }));
          if (end.end === 'away') away = end;
          ends[index] = end;
        }
        // nothing is due for a while; servers close idle conversations themselves, and a closed one would look like an outage
        server.close();
      }),
    );
    return ends;
  }

  private compose({ address, message, id }: Mail): Promise<Buffer> {
    return new MailComposer({
      from: this.config.MAIL_FROM,
      to: { name: '', address },
      subject: message.subject,
      text: message.text,
      messageId: `<${id}@${this.config.MAIL_FROM.split('@')[1]}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
    })
      .compile()
      .build();
  }
}
