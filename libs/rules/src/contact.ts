/** A contact point as the contact register has it. */
export interface ContactPoint {
  readonly value: string;
  readonly updatedAt?: Date;
  readonly verifiedAt?: Date;
}

/**
 * What a mailbox provider can send a notice to: the published schema of `varsler` (docs.digdir.no, Digital post til innbyggere). An e-mail address
 * is plain ASCII and has a dot in its domain. The register holds what people typed; the access point refuses the whole message for one that is not.
 */
export const NOTICE_ADDRESS = {
  email:
    /^(?!.*\.\.)[\w!#$%&'*+/=?^`{|}~.-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i,
  mobile: /^(?=.{8,20}$)\+?[- _0-9]+$/,
} as const;

const FRESH_MONTHS = 18;

/**
 * eForvaltningsforskriften §32 second paragraph: contact data neither updated nor confirmed for 18 months must not be used for the notice of §8
 * third paragraph. E-mail and mobile are judged separately; one of the two dates is enough.
 */
export function freshForNotice(point: ContactPoint, now: Date): boolean {
  const limit = monthsBefore(now, FRESH_MONTHS);
  return [point.updatedAt, point.verifiedAt].some((at) => at !== undefined && at >= limit);
}

/** The same day of an earlier month, or its last day where that is shorter: 18 months before 31 August is the end of February. */
function monthsBefore(at: Date, months: number): Date {
  const earlier = new Date(at);
  earlier.setUTCDate(1);
  earlier.setUTCMonth(earlier.getUTCMonth() - months);
  const lastDay = new Date(Date.UTC(earlier.getUTCFullYear(), earlier.getUTCMonth() + 1, 0)).getUTCDate();
  earlier.setUTCDate(Math.min(at.getUTCDate(), lastDay));
  return earlier;
}
