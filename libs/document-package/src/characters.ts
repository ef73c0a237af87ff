/** Schemas count characters where JavaScript counts halves of them: an emoji is one, its `length` is two. */
export const charactersIn = (text: string): number =>
  text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
