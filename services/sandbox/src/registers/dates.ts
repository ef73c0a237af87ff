const DAY_MS = 86_400_000;

const FORMAT = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Europe/Oslo',
  dateStyle: 'short',
  timeStyle: 'medium',
});
const OFFSET = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Oslo', timeZoneName: 'longOffset' });

/** The contact register's own time format: Norwegian time with hours only in the offset, as in `2023-06-13T13:42:34+02`. */
export function registerTime(at: Date): string {
  const offset = /GMT([+-]\d\d)/.exec(OFFSET.format(at))?.[1] ?? '+01';
  return `${FORMAT.format(at).replace(' ', 'T')}${offset}`;
}

/** Formatting costs more than the rest of a person; few different ages are in use. */
export class Ages {
  private readonly texts = new Map<number, string>();
  private madeOn = 0;

  textOf(ageDays: number, now: Date): string {
    const today = Math.floor(now.getTime() / DAY_MS);
    if (today !== this.madeOn) {
      this.madeOn = today;
      this.texts.clear();
    }
    let text = this.texts.get(ageDays);
    if (text === undefined) {
      text = registerTime(new Date((today - ageDays) * DAY_MS + 42_154_000));
      this.texts.set(ageDays, text);
    }
    return text;
  }
}
