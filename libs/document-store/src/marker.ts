import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { asStoreError, syncFolder } from './file-io.js';

/** Tells a folder that is not mounted from one that has lost a document. */
const MARKER = 'postgang-document-store';

export const isMarked = (root: string): Promise<boolean> =>
  access(`${root}/${MARKER}`).then(
    () => true,
    () => false,
  );

/** Makes the folder where it is not there, and marks it; all of it durable. */
export async function mark(root: string): Promise<void> {
  try {
    const made = await mkdir(root, { recursive: true, mode: 0o700 });
    await writeFile(`${root}/${MARKER}`, '', { flag: 'a', mode: 0o600 });
    if (made !== undefined) await syncAbove(resolve(root), resolve(made));
  } catch (error) {
    throw asStoreError(error);
  }
}

/** A folder just made survives a power cut only when the one above it knows of it, for every folder down to the root. */
async function syncAbove(root: string, firstMade: string): Promise<void> {
  for (let folder = root; folder.length >= firstMade.length; folder = dirname(folder))
    await syncFolder(dirname(folder));
}
