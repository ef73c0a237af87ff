/** A contact point as the contact register has it. */
export interface ContactPoint {
  readonly value: string;
  readonly updatedAt?: Date;
  readonly verifiedAt?: Date;
}

const FRESH_MONTHS = 18;

/**
 * eForvaltningsforskriften §32 second paragraph: contact data neither updated nor confirmed for 18 months must not be used for the notice of §8
 * third paragraph. E-mail and mobile are judged separately; one of the two dates is enough.
 */
export function freshForNotice(point: ContactPoint, now: Date): boolean {
  const limit = new Date(now);
  limit.setUTCMonth(limit.getUTCMonth() - FRESH_MONTHS);
  return [point.updatedAt, point.verifiedAt].some((at) => at !== undefined && at >= limit);
}
