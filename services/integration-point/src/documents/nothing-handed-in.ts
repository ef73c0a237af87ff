import type { Manager } from '@postgang/runtime';

/** Whether the store may be made: where letters or uploads are known, a folder without the store's mark is one that is not mounted. */
export async function nothingHandedInYet(database: Manager): Promise<boolean> {
  const [row] = await database.query<[{ nothing: boolean }]>(
    'SELECT NOT EXISTS (SELECT FROM letter) AND NOT EXISTS (SELECT FROM document) AS nothing',
  );
  return row.nothing;
}
