/** Granted to the roles of those who run Postgang: the closed books, the console. Reads published views, and nothing else; nobody logs in with it. */
export const OPERATIONS_READER = 'postgang_operations_reader';

/** Roles belong to the whole cluster: another database of it may have made this one, or be making it now. Needs CREATEROLE where there is none. */
export const OPERATIONS_READER_ROLE = `
  DO $$ BEGIN
    CREATE ROLE ${OPERATIONS_READER} NOLOGIN;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END $$`;

/** Every view of a schema that a service publishes, as it is now: a view made later is granted by the migration that makes it. */
export const grantToOperations = (schema: string): string => `
  GRANT USAGE ON SCHEMA ${schema} TO ${OPERATIONS_READER};
  GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${OPERATIONS_READER}`;
