/**
 * Whether XML 1.0 has all characters of a text (§2.2). With one of the others in it a document is not XML at all, however it is escaped: such a text can
 * never stand in a manifest, so no letter with it may be accepted. Said once, for the doors and for whoever writes the manifest.
 */
export const isXmlText = (text: string): boolean =>
  text.isWellFormed() && !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text);
