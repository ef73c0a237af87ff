import type { DpiType, Sbd } from '@postgang/document-package';
import type { X509Certificate } from 'node:crypto';

/** A letter the access point has accepted and hands on to its provider. */
export interface AcceptedLetter {
  readonly messageId: string;
  readonly conversationId: string;
  readonly type: Extract<DpiType, 'digital' | 'utskrift'>;
  /** Organisation numbers. */
  readonly technicalSender: string;
  readonly sender: string;
  readonly receiver: string;
  readonly senderUnit: string | undefined;
  /** kanal, lower case. */
  readonly queue: string | undefined;
  readonly body: LetterBody;
  /** Signer of the message. */
  readonly signer: X509Certificate;
  readonly package: Buffer;
}

/** The fields of `digital` and `utskrift` that a provider acts on; their schema has been checked. */
export interface LetterBody {
  readonly avsender: {
    readonly virksomhetsidentifikator: { readonly value: string };
    readonly avsenderidentifikator?: string;
  };
  readonly mottaker: { readonly postkasseadresse?: string; readonly navn?: string; readonly adresselinje1?: string };
  readonly dokumentpakkefingeravtrykk: { readonly digestMethod: string; readonly digestValue: string };
  readonly maskinportentoken: string;
  readonly aapningskvittering?: boolean;
  readonly virkningstidspunkt?: string;
  readonly ikkesensitivtittel?: string;
  readonly varsler?: { readonly epostvarsel?: object; readonly smsvarsel?: object };
  readonly retur?: { readonly returposthaandtering: string };
}

export function bodyOf(sbd: Sbd, type: DpiType): LetterBody {
  return sbd.standardBusinessDocument[type] as unknown as LetterBody;
}
