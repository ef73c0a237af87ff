import { SenderNotAuthorised, type MaskinportenTokens } from '@postgang/maskinporten';
import { DependencyDown, type HttpClient } from '@postgang/outside';
import type { ContactPoint, RegisterEntry } from '@postgang/rules';
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { bySender, chunks, postJson, type Asked } from './asking.js';

const SCOPES = ['krr:global/kontaktinformasjon.read', 'krr:global/digitalpost.read'];
const MOST_PER_CALL = 1_000;

/** The register writes offsets as +HH only, which JavaScript's parser refuses. */
const time = z.string().transform((text, context) => {
  const at = new Date(text.replace(/([+-]\d\d)$/, '$1:00'));
  if (!Number.isNaN(at.getTime())) return at;
  context.addIssue({ code: 'custom', message: 'not a time' });
  return z.NEVER;
});

const person = z.object({
  personidentifikator: z.string(),
  reservasjon: z.enum(['JA', 'NEI']),
  status: z.enum(['AKTIV', 'SLETTET', 'IKKE_REGISTRERT']),
  varslingsstatus: z.enum(['KAN_VARSLES', 'KAN_IKKE_VARSLES']),
  kontaktinformasjon: z
    .object({
      epostadresse: z.string().max(320).optional(),
      epostadresse_oppdatert: time.optional(),
      epostadresse_sist_verifisert: time.optional(),
      mobiltelefonnummer: z.string().max(40).optional(),
      mobiltelefonnummer_oppdatert: time.optional(),
      mobiltelefonnummer_sist_verifisert: time.optional(),
    })
    .optional(),
  digital_post: z
    .object({ postkasseadresse: z.string().min(1).max(200), postkasseleverandoeradresse: z.string() })
    .optional(),
  sertifikat: z.string().max(20_000).optional(),
  spraak: z.string().max(5).optional(),
});
const answer = z.object({ personer: z.array(person).max(MOST_PER_CALL) });

/**
 * Kontakt- og reservasjonsregisteret, Oppslagstjenesten REST v2. Each agency has its own legal basis, so persons are grouped by the agency whose
 * letter is asked about and looked up with its delegated token. Fails closed: an answer that is not understood is no answer.
 */
export class ContactRegister {
  private printCertificate: { at: number; answer: Promise<{ organisation: string; certificate: Buffer }> } | undefined;

  constructor(
    private readonly http: HttpClient,
    private readonly tokens: MaskinportenTokens,
    private readonly audience?: string,
  ) {}

  /** One answer per question, in order: an entry, or SenderNotAuthorised. Throws DependencyDown('krr') when the register cannot be asked. */
  async lookup(asked: readonly Asked[]): Promise<(RegisterEntry | SenderNotAuthorised)[]> {
    const answers = new Array<RegisterEntry | SenderNotAuthorised>(asked.length);
    await Promise.all(
      bySender(asked).map(async ([sender, questions]) => {
        try {
          for (const part of chunks(questions, MOST_PER_CALL)) {
            const found = await this.ask(
              sender,
              part.map(({ nationalId }) => nationalId),
            );
            for (const { nationalId, index } of part) answers[index] = entryOf(found.get(nationalId));
          }
        } catch (error) {
          if (!(error instanceof SenderNotAuthorised)) throw error;
          for (const { index } of questions) answers[index] = error;
        }
      }),
    );
    return answers;
  }

  /** Certificate that packages for print are encrypted for; asked for at most once an hour. */
  printCertificateFor(agency: string): Promise<{ organisation: string; certificate: Buffer }> {
    const known = this.printCertificate;
    if (known !== undefined && performance.now() - known.at < 3_600_000) return known.answer;
    const fresh = { at: performance.now(), answer: this.askPrintCertificate(agency) };
    this.printCertificate = fresh;
    fresh.answer.catch(() => (this.printCertificate = undefined));
    return fresh.answer;
  }

  private async ask(sender: string, ids: readonly string[]): Promise<Map<string, z.infer<typeof person>>> {
    const { token } = await this.tokens.tokenFor({
      agency: sender,
      scopes: SCOPES,
      ...(this.audience === undefined ? {} : { resource: this.audience }),
    });
    const distinct = [...new Set(ids)];
    const { personer } = await postJson(
      this.http,
      'krr',
      '/rest/v2/personer',
      token,
      { personidentifikatorer: distinct },
      answer,
      sender,
    );
    const found = new Map(personer.map((one) => [one.personidentifikator, one]));
    // a person left out of the answer is not "not registered": it is no answer
    if (distinct.some((id) => !found.has(id)))
      throw new DependencyDown('krr', { cause: new Error('the answer lacks a person that was asked for') });
    return found;
  }

  private async askPrintCertificate(agency: string): Promise<{ organisation: string; certificate: Buffer }> {
    const { token } = await this.tokens.tokenFor({ agency, scopes: SCOPES });
    const schema = z.object({ postkasseleverandoerAdresse: z.string(), x509Sertifikat: z.string().max(20_000) });
    const found = await postJson(this.http, 'krr', '/rest/v2/printSertifikat', token, undefined, schema, agency);
    return { organisation: found.postkasseleverandoerAdresse, certificate: certificateBytes(found.x509Sertifikat) };
  }
}

function entryOf(found: z.infer<typeof person> | undefined): RegisterEntry {
  if (found === undefined) throw new DependencyDown('krr', { cause: new Error('no answer for a person') });
  const { kontaktinformasjon: contact, digital_post: mailbox } = found;
  const point = (
    value: string | undefined,
    updated: Date | undefined,
    verified: Date | undefined,
  ): ContactPoint | undefined =>
    value === undefined || value === ''
      ? undefined
      : {
          value,
          ...(updated === undefined ? {} : { updatedAt: updated }),
          ...(verified === undefined ? {} : { verifiedAt: verified }),
        };
  const email = point(contact?.epostadresse, contact?.epostadresse_oppdatert, contact?.epostadresse_sist_verifisert);
  const mobile = point(
    contact?.mobiltelefonnummer,
    contact?.mobiltelefonnummer_oppdatert,
    contact?.mobiltelefonnummer_sist_verifisert,
  );
  return {
    reserved: found.reservasjon === 'JA',
    status: found.status,
    canBeNotified: found.varslingsstatus === 'KAN_VARSLES',
    ...(mailbox === undefined
      ? {}
      : { mailbox: { address: mailbox.postkasseadresse, providerOrganisation: mailbox.postkasseleverandoeradresse } }),
    ...(found.sertifikat === undefined ? {} : { certificate: certificateBytes(found.sertifikat) }),
    ...(email === undefined ? {} : { email }),
    ...(mobile === undefined ? {} : { mobile }),
    ...(found.spraak === undefined ? {} : { language: found.spraak }),
  };
}

const parsed = new Map<string, Buffer>();

/** PEM or bare base64. The register has two mailbox certificates for millions of people. */
function certificateBytes(text: string): Buffer {
  let bytes = parsed.get(text);
  if (bytes === undefined) {
    try {
      bytes = new X509Certificate(text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64')).raw;
    } catch (error) {
      throw new DependencyDown('krr', { cause: new Error('a certificate that is none', { cause: error }) });
    }
    if (parsed.size > 100) parsed.clear();
    parsed.set(text, bytes);
  }
  return bytes;
}
