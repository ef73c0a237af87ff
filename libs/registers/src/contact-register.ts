import type { MaskinportenTokens } from '@postgang/maskinporten';
import type { HttpClient, TransientError } from '@postgang/outside';
import { NOTICE_ADDRESS, type ContactPoint, type RegisterEntry } from '@postgang/rules';
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { ask, RegisterDenied, type Asked, type Errand } from './asking.js';
import { Doubt } from './doubt.js';
import { lookUp } from './look-up.js';
import { readPersons, type Answers } from './persons.js';

const SCOPES = ['krr:global/kontaktinformasjon.read', 'krr:global/digitalpost.read'];
const MOST_PER_ANSWER = 1_000;

/** The register writes offsets as +HH only, which JavaScript's parser refuses. */
const time = z.string().transform((text, context) => {
  const at = new Date(text.replace(/([+-]\d\d)$/, '$1:00'));
  if (!Number.isNaN(at.getTime())) return at;
  context.addIssue({ code: 'custom', message: 'not a time' });
  return z.NEVER;
});

const certificate = z
  .string()
  .max(20_000)
  .transform((text, context) => certificateBytes(text) ?? (context.addIssue('not a certificate'), z.NEVER));

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
    .object({ postkasseadresse: z.string().min(1).max(200), postkasseleverandoeradresse: z.string().max(40) })
    .optional(),
  sertifikat: certificate.optional(),
  spraak: z.string().optional(),
});
type Person = z.infer<typeof person>;
const answer = z.object({ personer: z.array(z.unknown()).max(MOST_PER_ANSWER) });
const printCertificate = z.object({ postkasseleverandoerAdresse: z.string().max(40), x509Sertifikat: certificate });

/**
 * Kontakt- og reservasjonsregisteret, Oppslagstjenesten REST v2. Each agency has its own legal basis, so persons are grouped by the agency whose
 * letter is asked about and looked up with its delegated token. Fails closed: an answer that is not understood is no answer.
 */
export class ContactRegister {
  private readonly doubt = new Doubt('krr');
  private printCertificate: { at: number; answer: Promise<{ organisation: string; certificate: Buffer }> } | undefined;

  constructor(
    private readonly http: HttpClient,
    private readonly tokens: MaskinportenTokens,
    private readonly audience?: string,
  ) {}

  /**
   * One answer per question, in order: an entry, RegisterDenied, or a TransientError when the register has no usable answer for that person
   * alone. Throws DependencyDown('krr') when the register cannot be asked.
   */
  lookup(asked: readonly Asked[]): Promise<(RegisterEntry | RegisterDenied | TransientError)[]> {
    const ask = (sender: string, ids: readonly string[]): Promise<Answers<Person>> => this.ask(sender, ids);
    return lookUp(asked, { name: 'krr', doubt: this.doubt, ask, answerOf: entryOf });
  }

  /** Certificate that packages for print are encrypted for; asked for at most once an hour. Throws RegisterDenied for this agency, or DependencyDown. */
  async printCertificateFor(agency: string): Promise<{ organisation: string; certificate: Buffer }> {
    let known = this.printCertificate;
    if (known === undefined || performance.now() - known.at >= 3_600_000) {
      const fresh = { at: performance.now(), answer: this.askPrintCertificate(agency) };
      this.printCertificate = known = fresh;
      fresh.answer.catch(() => {
        if (this.printCertificate === fresh) this.printCertificate = undefined;
      });
    }
    try {
      return await known.answer;
    } catch (error) {
      // it was asked for with another agency's token; ours may do
      if (error instanceof RegisterDenied && error.agency !== agency) return this.printCertificateFor(agency);
      throw error;
    }
  }

  private async ask(sender: string, ids: readonly string[]): Promise<Answers<Person>> {
    const { personer } = await ask(this.errand(sender), '/rest/v2/personer', { personidentifikatorer: ids }, answer);
    return readPersons('krr', ids, personer, (entry) => entry['personidentifikator'], person);
  }

  private async askPrintCertificate(agency: string): Promise<{ organisation: string; certificate: Buffer }> {
    const found = await ask(this.errand(agency), '/rest/v2/printSertifikat', undefined, printCertificate);
    return { organisation: found.postkasseleverandoerAdresse, certificate: found.x509Sertifikat };
  }

  private errand(sender: string): Errand {
    const resource = this.audience === undefined ? {} : { resource: this.audience };
    return { http: this.http, tokens: this.tokens, name: 'krr', sender, scopes: SCOPES, ...resource };
  }
}

function entryOf(found: Person): RegisterEntry {
  const { kontaktinformasjon: contact, digital_post: mailbox } = found;
  const point = (
    usable: RegExp,
    value: string | undefined,
    updated: Date | undefined,
    verified: Date | undefined,
  ): ContactPoint | undefined =>
    value === undefined || !usable.test(value)
      ? undefined
      : {
          value,
          ...(updated === undefined ? {} : { updatedAt: updated }),
          ...(verified === undefined ? {} : { verifiedAt: verified }),
        };
  const email = point(
    NOTICE_ADDRESS.email,
    contact?.epostadresse,
    contact?.epostadresse_oppdatert,
    contact?.epostadresse_sist_verifisert,
  );
  const mobile = point(
    NOTICE_ADDRESS.mobile,
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
    ...(found.sertifikat === undefined ? {} : { certificate: found.sertifikat }),
    ...(email === undefined ? {} : { email }),
    ...(mobile === undefined ? {} : { mobile }),
    ...(found.spraak === undefined ? {} : { language: found.spraak }),
  };
}

const parsed = new Map<string, Buffer>();

/** PEM or bare base64; undefined when it is no certificate. The register has two mailbox certificates for millions of people. */
function certificateBytes(text: string): Buffer | undefined {
  let bytes = parsed.get(text);
  if (bytes === undefined) {
    try {
      bytes = new X509Certificate(text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64')).raw;
    } catch {
      return undefined;
    }
    if (parsed.size > 100) parsed.clear();
    parsed.set(text, bytes);
  }
  return bytes;
}
