import { organisationNumberOf, PackageError, rsaKeyOf, verifyChain } from '@postgang/document-package';
import { PermanentError } from '@postgang/outside';
import { X509Certificate } from 'node:crypto';

interface Checked {
  readonly certificate: X509Certificate;
  readonly organisation: string | undefined;
  /** Real time, milliseconds. */
  readonly until: number;
}

/** A certificate that was good is looked at again after so long; it may have run out meanwhile. */
const GOOD_FOR_MS = 600_000;
const MOST_KEPT = 100;

/**
 * The certificates that packages are sealed for come from a register with each letter. A wrong one would give the letter to a stranger, so each is
 * checked: valid now, its key long enough, issued under the trusted authorities, and of the very organisation the letter goes to. Few certificates for many letters:
 * parsing one costs as much as encrypting for it.
 */
export class RecipientCertificates {
  private readonly known = new Map<string, Checked>();

  /** Without `trust` (test environments only) the chain is not checked. */
  constructor(private readonly trust: readonly X509Certificate[] | undefined) {}

  /** Throws PermanentError: the decision is stored with this certificate, so trying again changes nothing, and a person must look. */
  certificateFor(der: Buffer, organisation: string, now: Date): X509Certificate {
    const key = der.toString('latin1');
    let checked = this.known.get(key);
    if (checked === undefined || checked.until <= now.getTime()) {
      checked = this.check(der, now);
      if (this.known.size >= MOST_KEPT) this.known.clear();
      this.known.set(key, checked);
    }
    if (checked.organisation !== organisation)
      throw new PermanentError('the recipient certificate is of another organisation than the letter goes to');
    return checked.certificate;
  }

  private check(der: Buffer, now: Date): Checked {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(der);
    } catch (error) {
      throw new PermanentError('the recipient certificate is none', { cause: error });
    }
    if (certificate.validFromDate > now || certificate.validToDate < now)
      throw new PermanentError('the recipient certificate is not valid now');
    try {
      rsaKeyOf(certificate);
      if (this.trust !== undefined) verifyChain(certificate, [], this.trust, now);
      const until = Math.min(now.getTime() + GOOD_FOR_MS, certificate.validToDate.getTime());
      return { certificate, organisation: organisationNumberOf(certificate), until };
    } catch (error) {
      if (!(error instanceof PackageError)) throw error;
      throw new PermanentError(`the recipient certificate cannot be sealed for: ${error.message}`, { cause: error });
    }
  }
}
