import { digitalSbd, printSbd, readSbd, signSbd, type SigningIdentity } from '@postgang/document-package';
import { SenderNotAuthorised, type MaskinportenTokens, type TokenWish } from '@postgang/maskinporten';
import {
  AnswerTooLarge,
  DependencyDown,
  HttpUnreachable,
  retryAfterMs,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from '@postgang/outside';
import { randomBytes } from 'node:crypto';
import {
  PageTooLarge,
  type FetchedReceipt,
  type Handover,
  type Provider,
  type ReceiptSource,
  type SendResult,
  type SettleResult,
} from './provider.js';

/** The access point of digital post (Peppol corner 2): Digipost, e-Boks and print are reached through it alike. */
export interface AccessPointOptions {
  readonly http: HttpClient;
  readonly tokens: MaskinportenTokens;
  readonly signer: SigningIdentity;
  /** Organisation number of the operator: technical sender. */
  readonly operator: string;
  /** `kanal`: receipts come back on it, 1–28 characters of a–z, A–Z, 0–9, _ and -. */
  readonly receiptQueue: string;
}

const SCOPES = ['digitalpostinnbygger:send'];
const RETRY_MS = 5_000;
const RESPONSE_DAYS = 1;
/** Of a call that is made again with a new token, so that both together end before the effect's lease does. */
const AGAIN = { timeoutMs: 15_000 };
type Limit = Pick<HttpRequest, 'timeoutMs'>;

/** Problems that come of our key, our certificate, our settings or the making of a message, and of no letter: corner 2 checks them first. */
const OURS: ReadonlySet<string> = new Set([
  'certificate-expired',
  'certificate-untrusted',
  'invalid-multipart',
  'invalid-queue',
  'not-a-jws',
  'signature-invalid',
  'signer-mismatch',
  'technical-sender-mismatch',
  'token-mismatch',
]);

export class AccessPoint implements Provider, ReceiptSource {
  constructor(private readonly options: AccessPointOptions) {}

  /** Message, token and signature are made now: the token lives two minutes and must be the bearer of this very call. */
  async send(handover: Handover): Promise<SendResult> {
    const wish = { agency: handover.sender, scopes: SCOPES };
    try {
      return fateOf(await this.ask(wish, (token, limit) => this.post(handover, token, limit)));
    } catch (error) {
      if (error instanceof SenderNotAuthorised)
        return { kind: 'sender-blocked', reason: 'no-delegation', asked: false };
      if (error instanceof DependencyDown)
        return { kind: 'down', waitMs: error.retryAfterMs ?? RETRY_MS, reason: 'maskinporten-down' };
      if (!(error instanceof HttpUnreachable)) throw error;
      return error.sent
        ? { kind: 'uncertain', reason: 'no-answer' }
        : { kind: 'down', waitMs: RETRY_MS, reason: 'unreachable' };
    }
  }

  private async post(handover: Handover, token: string, limit: Limit): Promise<HttpResponse> {
    const { operator, signer, receiptQueue } = this.options;
    const now = new Date();
    const head = {
      technicalSender: operator,
      receiver: handover.providerOrganisation,
      messageId: handover.messageId,
      conversationId: handover.conversationId,
      createdAt: now,
      expectedResponseAt: new Date(now.getTime() + RESPONSE_DAYS * 86_400_000),
    };
    const letter = { sender: handover.sender, packageDigest: handover.packageDigest, maskinportenToken: token };
    const { content } = handover;
    const sbd =
      content.channel === 'digital'
        ? digitalSbd(head, { ...content, ...letter })
        : printSbd(head, { ...content, ...letter });
    const { body, contentType } = multipart(await signSbd(sbd, signer), handover.package);
    return this.options.http.request({
      method: 'POST',
      path: '/messages/out',
      query: { kanal: receiptQueue },
      headers: { authorization: `Bearer ${token}`, 'content-type': contentType },
      body,
      ...limit,
    });
  }

  /**
   * A token that is refused (401) is fetched anew once before anybody is blamed: it may have been withdrawn, or our clock was set back and takes it for
   * good.
   */
  private async ask(
    wish: TokenWish,
    call: (token: string, limit: Limit) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const { tokens } = this.options;
    const token = await tokens.tokenFor(wish);
    const answer = await call(token.token, {});
    if (answer.status !== 401) return answer;
    await tokens.discard(wish, token);
    return call((await tokens.tokenFor(wish)).token, AGAIN);
  }

  async settle(messageId: string, sender: string): Promise<SettleResult> {
    try {
      const answer = await this.ask({ agency: sender, scopes: SCOPES }, (token, limit) =>
        this.options.http.request({
          method: 'GET',
          path: `/messages/out/${messageId}/statuses`,
          headers: { authorization: `Bearer ${token}` },
          ...limit,
        }),
      );
      if (answer.status === 404) return { kind: 'unknown-there' };
      if (answer.status !== 200) return { kind: 'still-uncertain', reason: `status-${answer.status}` };
      return settledBy(answer.json());
    } catch (error) {
      if (
        error instanceof HttpUnreachable ||
        error instanceof DependencyDown ||
        error instanceof SenderNotAuthorised ||
        error instanceof SyntaxError
      ) {
        return { kind: 'still-uncertain', reason: error.name };
      }
      throw error;
    }
  }

  async fetchReceipts(page: number, pageSize: number): Promise<FetchedReceipt[]> {
    const answer = await this.call('GET', '/messages/in', {
      kanal: this.options.receiptQueue,
      page_size: pageSize,
      page,
    }).catch((error: unknown) => {
      const { cause } = error as { cause?: unknown };
      throw cause instanceof AnswerTooLarge ? new PageTooLarge(cause.message, { cause }) : error;
    });
    if (answer.status === 204) return [];
    let list: unknown;
    try {
      list = answer.json();
    } catch (error) {
      throw new DependencyDown('access-point', { cause: error });
    }
    if (answer.status !== 200 || !Array.isArray(list))
      throw new DependencyDown('access-point', { cause: new Error(`receipts: status ${answer.status}`) });
    return list.slice(0, pageSize).map(receiptIn);
  }

  async markRead(id: string): Promise<void> {
    const answer = await this.call('POST', `/messages/in/${id}/read`);
    // 404: read before, by a call whose answer was lost
    if (answer.status !== 200 && answer.status !== 404)
      throw new DependencyDown('access-point', { cause: new Error(`mark read: status ${answer.status}`) });
  }

  /** Receipts belong to the technical sender, so this is the operator's own errand. */
  private async call(
    method: 'GET' | 'POST',
    path: string,
    query?: Record<string, string | number>,
  ): Promise<HttpResponse> {
    try {
      return await this.ask({ scopes: SCOPES }, (token, limit) =>
        this.options.http.request({
          method,
          path,
          headers: { authorization: `Bearer ${token}` },
          ...(query === undefined ? {} : { query }),
          ...limit,
        }),
      );
    } catch (error) {
      if (error instanceof HttpUnreachable || error instanceof SenderNotAuthorised)
        throw new DependencyDown('access-point', { cause: error });
      throw error;
    }
  }
}

/** Fates by status. A 5xx may come from something that stands behind the one who took the message: it is unclear, not a no. */
export function fateOf(answer: Pick<HttpResponse, 'status' | 'headers' | 'json'>): SendResult {
  const { status } = answer;
  if (status === 201) return { kind: 'handed-over' };
  if (status === 408 || status === 429) {
    const waitMs = retryAfterMs(answer.headers, new Date()) ?? RETRY_MS;
    return { kind: status === 429 ? 'down' : 'retry', waitMs, reason: `status-${status}` };
  }
  if (status === 401 || status === 403) return { kind: 'sender-blocked', reason: `status-${status}`, asked: true };
  if (status === 400 || status === 413 || status === 415 || status === 422) {
    const problem = problemOf(answer);
    if (OURS.has(problem)) return { kind: 'refused-ours', reason: problem };
    // an earlier call of ours may have got through: only asking for our own id tells
    return problem === 'duplicate-message-id'
      ? { kind: 'uncertain', reason: problem }
      : { kind: 'refused', reason: problem };
  }
  return { kind: 'uncertain', reason: `status-${status}` };
}

/** The last part of the problem's type: stable, and never the detail, which may quote the message. */
function problemOf(answer: Pick<HttpResponse, 'status' | 'json'>): string {
  try {
    const { type } = answer.json() as { type?: unknown };
    return (typeof type === 'string' ? /([a-z0-9-]{1,60})$/.exec(type)?.[1] : undefined) ?? `status-${answer.status}`;
  } catch {
    return `status-${answer.status}`;
  }
}

/** `OPPRETTET` and `SENDT` say that the access point has it; `FEILET` that it has given up. */
export function settledBy(statuses: unknown): SettleResult {
  if (!Array.isArray(statuses)) return { kind: 'still-uncertain', reason: 'not-a-list' };
  const words = statuses.map((entry) => (entry as { status?: unknown } | null)?.status);
  if (words.includes('FEILET')) return { kind: 'refused', reason: 'access-point-failed' };
  if (words.includes('SENDT') || words.includes('OPPRETTET')) return { kind: 'handed-over' };
  return words.length === 0 ? { kind: 'unknown-there' } : { kind: 'still-uncertain', reason: 'unknown-status' };
}

const uuidIn = (text: string): string | undefined =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text : undefined;

function receiptIn(item: unknown): FetchedReceipt {
  const { forretningsmelding: raw, downloadurl } = (item ?? {}) as {
    forretningsmelding?: unknown;
    downloadurl?: unknown;
  };
  const text = typeof raw === 'string' ? raw : '';
  const fromUrl =
    typeof downloadurl === 'string' ? /\/messages\/in\/([0-9a-fA-F-]{36})$/.exec(downloadurl)?.[1] : undefined;
  try {
    const { standardBusinessDocumentHeader: head } = readSbd(text).sbd.standardBusinessDocument;
    return {
      // the access point's own word before the receipt's: it becomes a part of our next request
      id: fromUrl ?? uuidIn(head.documentIdentification.instanceIdentifier),
      raw: text,
      conversationId: head.businessScope.scope
        .find(({ type }) => type === 'ConversationId')
        ?.instanceIdentifier?.toLowerCase(),
      signerOrganisation: /:(\d{9})$/.exec(head.sender[0].identifier.value)?.[1],
    };
  } catch {
    // unreadable: set aside later, but it must not stay at the head of the queue
    return { id: fromUrl, raw: text, conversationId: undefined, signerOrganisation: undefined };
  }
}

/** Two parts, written by hand: a FormData costs three times the call itself. */
function multipart(jws: string, cms: Buffer): { body: Buffer; contentType: string } {
  const boundary = `postgang-${randomBytes(16).toString('hex')}`;
  const part = (name: string, type: string, file: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${file}"\r\nContent-Type: ${type}\r\n\r\n`;
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([
      Buffer.from(
        `${part('forretningsmelding', 'application/jwt', 'sbd.jwt')}${jws}\r\n${part('dokumentpakke', 'application/cms', 'asic.cms')}`,
      ),
      cms,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  };
}
