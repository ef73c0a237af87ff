import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** TypeScript for the Avro schemas under `schemas/`: the types of the newest revisions, and all revisions as data for the codec. */
export interface Generated {
  readonly 'events.ts': string;
  readonly 'schemas.ts': string;
}

type Schema = string | { type: Schema; [key: string]: unknown } | Schema[];
interface NamedSchema {
  type: string;
  name: string;
  doc?: string;
  fields?: { name: string; type: Schema; doc: string; default?: unknown }[];
  symbols?: string[];
}

const PRIMITIVES: Record<string, string> = {
  string: 'string',
  int: 'number',
  long: 'number',
  double: 'number',
  boolean: 'boolean',
  bytes: 'Buffer',
  null: 'null',
};

export function revisionsOf(folder: string): Map<string, unknown[]> {
  const subjects = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return new Map(
    subjects.map((subject) => {
      const files = readdirSync(join(folder, subject)).filter((file) => file.endsWith('.avsc'));
      const numbers = files.map((file) => Number(file.replace('.avsc', ''))).sort((a, b) => a - b);
      return [
        subject,
        numbers.map((number) => JSON.parse(readFileSync(join(folder, subject, `${number}.avsc`), 'utf8')) as unknown),
      ];
    }),
  );
}

export function generate(folder: string): Generated {
  const revisions = revisionsOf(folder);
  const declared = new Map<string, string>();
  const roots: string[] = [];
  for (const [subject, schemas] of revisions) {
    const newest = schemas[schemas.length - 1] as NamedSchema;
    declare(newest, declared, subject);
    roots.push(`  '${subject}': ${newest.name};`);
  }
  const head = '// Generated from schemas/ by `npm run generate`. Do not edit: a test regenerates it.\n';
  return {
    'events.ts': `${head}\n/** A sealed string (libs/outside, KeyRing): bytes that only holders of the scope's key can open. */\nexport type Sealed = Buffer;\n\n${[...declared.values()].join('\n')}\nexport interface EventBySubject {\n${roots.join('\n')}\n}\n\nexport type Subject = keyof EventBySubject;\nexport type EventOf<S extends Subject> = EventBySubject[S];\n`,
    'schemas.ts': `${head}\nexport const SCHEMAS = ${JSON.stringify(Object.fromEntries(revisions), undefined, 1)} as const;\n`,
  };
}

/** The same name with another shape in another schema gets the subject's record as prefix. */
function declare(schema: NamedSchema, declared: Map<string, string>, subject: string): void {
  const body =
    schema.symbols === undefined
      ? recordBody(schema, declared, subject)
      : schema.symbols.map((symbol) => `'${symbol}'`).join(' | ');
  const text =
    schema.symbols === undefined
      ? `export interface ${schema.name} {\n${body}}\n`
      : `export type ${schema.name} = ${body};\n`;
  const documented = schema.doc === undefined ? text : `/** ${schema.doc} */\n${text}`;
  const existing = declared.get(schema.name);
  if (existing !== undefined && existing !== documented)
    throw new Error(`${subject}: ${schema.name} differs from the type of that name in another schema`);
  declared.set(schema.name, documented);
}

function recordBody(schema: NamedSchema, declared: Map<string, string>, subject: string): string {
  return (schema.fields ?? [])
    .map((field) => `  /** ${field.doc} */\n  ${field.name}: ${typeOf(field.type, declared, subject)};\n`)
    .join('');
}

function typeOf(schema: Schema, declared: Map<string, string>, subject: string): string {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? schema;
  if (Array.isArray(schema))
    return schema
      .map((branch) => typeOf(branch, declared, subject))
      .reverse()
      .join(' | ');
  if (schema.type === 'array') return `${parenthesised(typeOf(schema['items'] as Schema, declared, subject))}[]`;
  if (schema.type === 'record' || schema.type === 'enum') {
    declare(schema as unknown as NamedSchema, declared, subject);
    return (schema as unknown as NamedSchema).name;
  }
  if (schema['logicalType'] === 'sealed-string') return 'Sealed';
  return typeOf(schema.type, declared, subject);
}

const parenthesised = (type: string): string => (type.includes(' ') ? `(${type})` : type);
