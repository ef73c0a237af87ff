import { DependencyDown, PermanentError, TransientError } from '@postgang/outside';

/** No room left on the disk (ENOSPC), in the quota (EDQUOT) or under the file size limit (EFBIG). A stage stops until there is. */
export class StoreFull extends DependencyDown {
  override readonly message = 'the document store is full';

  constructor(cause?: unknown) {
    super('document-store', { cause });
  }
}

/** The disk answers with an error, or the store is closed. Nothing was lost that had been acknowledged. */
export class StoreUnavailable extends DependencyDown {
  constructor(cause?: unknown) {
    super('document-store', { cause });
  }
}

export class DocumentTooLarge extends PermanentError {
  constructor(readonly maxBytes: number) {
    super(`document is larger than ${maxBytes} bytes`);
  }
}

/** Not a ref of ours. The ref itself is not repeated: it may be anything. */
export class InvalidRef extends PermanentError {
  constructor() {
    super('not a document ref');
  }
}

/** Its segment or file is gone, e.g. past retention. */
export class DocumentMissing extends PermanentError {
  constructor() {
    super('document is no longer in the store');
  }
}

/** Its key was destroyed on purpose. */
export class DocumentErased extends PermanentError {
  constructor() {
    super('document was erased');
  }
}

/** What lies there is not what was put, or not what the ref names. */
export class DocumentDamaged extends PermanentError {
  constructor(cause?: unknown) {
    super('document is damaged, or is not the one the ref names', { cause });
  }
}

/** Sealed with a master key we do not have (yet): the writer may be a deploy ahead of us, so this is worth a retry. */
export class UnknownMasterKey extends TransientError {
  constructor() {
    super('document is sealed with a master key this process does not have');
  }
}

/** The segment is, or may still be, written to. */
export class SegmentInUse extends Error {
  constructor() {
    super('segment is still in use');
  }
}
