import { PackageError, type OpenedPackage, type SigningIdentity } from '@postgang/document-package';
import type { Clock } from '@postgang/outside';
import type { X509Certificate } from 'node:crypto';
import type { AcceptedLetter } from '../access-point/letter.js';
import type { Counts, ProviderName } from '../admin/counts.js';
import type { Faults } from '../admin/faults.js';
import type { People } from '../people/people.js';
import { DIGIPOST, EBOKS, PRINT_SHOP } from '../people/person.js';
import type { Deliveries } from './deliveries.js';
import type { Report } from './report.js';
import { error, mailboxReceipts } from './mailbox.js';
import { openFor, type Verification } from './opening.js';
import { printReceipts } from './print-shop.js';
import type { PlannedReceipt, ReceiptDesk } from './receipts.js';

export interface ProvidersParts {
  readonly identities: ReadonlyMap<string, SigningIdentity>;
  readonly trust: readonly X509Certificate[];
  readonly people: People;
  readonly desk: ReceiptDesk;
  readonly deliveries: Deliveries;
  readonly report: Report;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly counts: Counts;
  readonly verification: Verification;
}

const NAMES: Readonly<Record<string, ProviderName>> = {
  [DIGIPOST]: 'digipost',
  [EBOKS]: 'eboks',
  [PRINT_SHOP]: 'print',
};

/** Corner 4: opens what the access point hands over, and sends the receipts. */
export class Providers {
  private received = 0;

  constructor(private readonly parts: ProvidersParts) {}

  deliver(letter: AcceptedLetter): void {
    const { counts, desk, deliveries, report, faults, clock } = this.parts;
    const name = NAMES[letter.receiver] as ProviderName;
    const count = counts.providers[name];
    count.received++;
    const { opened, plan } = faults.hits(name, 'reject')
      ? { opened: undefined, plan: [error('SERVER', 'Feil slått på')] }
      : this.examine(letter, name);
    if (opened !== undefined) count.verified++;
    const refusal = plan.find((receipt) => receipt.kind === 'feil');
    if (refusal === undefined) {
      count.delivered++;
      if (letter.body.varsler?.epostvarsel !== undefined) count.notices.epost++;
      if (letter.body.varsler?.smsvarsel !== undefined) count.notices.sms++;
    } else count.rejected++;
    const reason = refusal?.extra?.['detaljer'];
    deliveries.add(letter, name, {
      at: clock.now(),
      ...(opened === undefined ? {} : { opened }),
      ...(reason === undefined ? {} : { reason }),
    });
    report.add(letter, name, clock.now(), plan);
    desk.send(letter, name, plan);
  }

  private examine(
    letter: AcceptedLetter,
    name: ProviderName,
  ): { readonly opened?: OpenedPackage; readonly plan: readonly PlannedReceipt[] } {
    const { people, identities, trust } = this.parts;
    const { mottaker } = letter.body;
    try {
      const key = (identities.get(letter.receiver) as SigningIdentity).key;
      const opened = this.mustOpen() ? openFor(letter, key, trust) : undefined;
      const plan =
        name === 'print'
          ? printReceipts(
              letter,
              opened,
              people.findScriptedByAddress(mottaker.navn ?? '', mottaker.adresselinje1 ?? ''),
            )
          : mailboxReceipts(letter, opened, people.findByMailbox(mottaker.postkasseadresse ?? ''));
      return { ...(opened === undefined ? {} : { opened }), plan };
    } catch (failure) {
      if (!(failure instanceof PackageError)) throw failure;
      return { plan: [error('KLIENT', failure.message)] };
    }
  }

  private mustOpen(): boolean {
    const { verification } = this.parts;
    if (verification.mode === 'full') return true;
    return verification.mode === 'sample' && this.received++ % verification.every === 0;
  }
}
