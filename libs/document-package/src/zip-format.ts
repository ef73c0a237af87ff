/** Zip (APPNOTE 6.3), as much of it as containers use. */
export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer;
  /** Stored entries are not compressed: already compressed media, and `mimetype`. */
  readonly stored: boolean;
}

/** Signatures of the records. */
export const LOCAL = 0x04034b50;
export const CENTRAL = 0x02014b50;
export const END = 0x06054b50;
export const DESCRIPTOR = 0x08074b50;
export const END_64 = 0x06064b50;
export const LOCATOR_64 = 0x07064b50;

/** General purpose flags. */
export const UTF8 = 0x0800;
export const HAS_DESCRIPTOR = 0x0008;

/** Compression methods. */
export const STORED = 0;
export const DEFLATED = 8;
