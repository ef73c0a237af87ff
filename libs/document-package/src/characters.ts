/** Schemas count characters where JavaScript counts halves of them: an emoji is one, its `length` is two. */
export const charactersIn = (text: string): number =>
  text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
/** Cut by characters: never in the middle of one, and no sooner than the schema asks. */
export const firstCharacters = (text: string, most: number): string =>
  text.length <= most ? text : [...text].slice(0, most).join('');
