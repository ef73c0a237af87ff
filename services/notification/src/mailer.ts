import MailComposer from 'nodemailer/lib/mail-composer';
import type { ServiceMessage } from '@postgang/rules';
import type { NotificationConfig } from './config.js';
import { MAIL_LIMITS, MailServer, type MailEnd } from './mail-server.js';

export interface Mail {
  readonly address: string;
  readonly message: ServiceMessage;
  /** Becomes the Message-ID: the same for every try, so that whoever gets two sees that they are one. */
  readonly id: string;
}

const CONVERSATIONS = 4;
const NO_TIME: MailEnd = { end: 'later', reason: 'no-time' };

/** Several conversations with one mail server. Each mail is handed over at most once. */
export class Mailer {
  private readonly servers: readonly MailServer[];

  constructor(
    private readonly config: NotificationConfig,
    limits = MAIL_LIMITS,
  ) {
    this.servers = Array.from({ length: CONVERSATIONS }, () => new MailServer(config, limits));
  }

  /**
   * One end per mail, in order. Once the server is found away the rest is not tried, and is `away` too. No mail is given to the server after
   * `until` (milliseconds of `performance.now`).
   */
  async send(mails: readonly Mail[], until: number): Promise<readonly MailEnd[]> {
    const ends = new Array<MailEnd>(mails.length);
    const waiting = mails.entries();
    let away: MailEnd | undefined;
    await Promise.all(
      this.servers.map(async (server) => {
        for (const [index, mail] of waiting) {
          const end = away ?? (await this.sendOne(server, mail, until));
          if (end.end === 'away') away = end;
          ends[index] = end;
        }
        // nothing is due for a while; servers close idle conversations themselves, and a closed one would look like an outage
        server.close();
      }),
    );
    return aboutWhom(ends);
  }

  private async sendOne(server: MailServer, mail: Mail, until: number): Promise<MailEnd> {
    const message = await this.compose(mail);
    return performance.now() < until ? server.send({ address: mail.address, message }, until) : NO_TIME;
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

/** Silence is about an address if others got an answer, or there are none to compare with; otherwise about the server. */
function aboutWhom(ends: readonly MailEnd[]): readonly MailEnd[] {
  const silent = ends.filter(({ end }) => end === 'silent').length;
  const answered = ends.some((end) => end.end !== 'silent' && end.end !== 'away' && end !== NO_TIME);
  if (silent > 1 && !answered) return ends.map((end) => (end.end === 'silent' ? { ...end, end: 'away' } : end));
  return ends.map((end) => (end.end === 'silent' ? { end: 'later', reason: 'no-answer' } : end));
}
