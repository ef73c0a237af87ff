import type { Stored, Upload } from '../documents/uploads.js';
import type { HeldDocument } from './content-hash.js';
import { letterIdOf } from '@postgang/pipeline';
import { MAX_LETTER_BYTES, pointerOf, type FieldError, type LetterInput } from './letter-schema.js';

/** Finds each document's content, among the parts of the request and among what was uploaded before, and holds it against its declared type. */
export function holdDocuments(
  sender: string,
  letter: LetterInput,
  parts: ReadonlyMap<string, Stored>,
  uploads: ReadonlyMap<string, Upload>,
): { documents: readonly HeldDocument[] } | { errors: readonly [FieldError, ...FieldError[]] } {
  const errors: FieldError[] = [];
  const used = new Set<string>();
  const documents = letter.documents.flatMap(({ title, type, file, documentId }, index): HeldDocument[] => {
    const wrong = (field: string, detail: string): HeldDocument[] => {
      errors.push({ pointer: pointerOf('documents', index, field), detail });
      return [];
    };
    const field = file === undefined ? 'documentId' : 'file';
    const part = file === undefined ? undefined : parts.get(file);
    const upload = documentId === undefined ? undefined : uploads.get(`${sender}/${documentId.toLowerCase()}`);
    const stored = part?.stored ?? upload;
    if (stored === undefined)
      return wrong(field, file === undefined ? 'was not uploaded before' : 'is not a part of this request');
    if (upload?.letterId != null && upload.letterId !== letterIdOf(sender, letter.reference))
      return wrong(field, 'has been used by another letter; upload it again');
    if (used.has(stored.ref)) return wrong(field, 'is used twice');
    used.add(stored.ref);
    if ((part?.mediaType ?? upload?.mediaType) !== type) return wrong('type', 'is not what the content is');
    return [{ title, mediaType: type, ref: stored.ref, size: stored.size, sha256: stored.sha256 }];
  });
  if (documents.reduce((total, { size }) => total + size, 0) > MAX_LETTER_BYTES)
    errors.push({ pointer: '/documents', detail: 'are larger than 50 MB together' });
  const [first, ...rest] = errors;
  return first === undefined ? { documents } : { errors: [first, ...rest] };
}

export const uploadsNamed = (sender: string, letter: LetterInput): { agency: string; id: string }[] =>
  letter.documents.flatMap(({ documentId }) =>
    documentId === undefined ? [] : [{ agency: sender, id: documentId.toLowerCase() }],
  );
