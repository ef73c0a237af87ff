import { appendFileSync, readFileSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';

/**
 * Preloaded into the process of a real service (`--import`): sees every durable step it takes, notes each kind once in `CRASH_DIR/edges`, and
 * kills the process (SIGKILL, as a power cut would) right after the one that `CRASH_DIR/<service>.armed` names. Production code knows nothing of it.
 *
 *   armed = { "after": "<step>", "keys": ["<letter id>", …], "died": "<file>" }
 *
 * A step must be about one of the keys; one that cannot be told apart always counts. The order is renamed to `died` when it is carried out.
 *
 * Steps: documents, statements of the database (a transaction at its COMMIT), what is published, what is committed to the broker, calls.
 */
const dir = process.env.CRASH_DIR ?? '';
const service = /^([a-z-]+):/.exec(process.argv[2] ?? '')?.[1];
/** The supervisor gets the same flags, and is nobody's service. */
if (dir !== '' && service !== undefined && process.argv[1]?.endsWith('host.js') === true) await watch(service);

/** Statements by name; the first that fits. Readers, locks and what only moves positions are no steps. @type {readonly [string, RegExp][]} */
const STATEMENTS = [
  ['migrated', /"migration"|^\s*(?:CREATE|ALTER|DROP)\b/],
  ['letter row', /INSERT INTO letter \(id, sender, reference, content_hash/],
  ['letter marked', /UPDATE letter SET published_at/],
  ['upload row', /INSERT INTO document /],
  ['upload claimed', /UPDATE document AS d SET letter_id/],
  ['upload released', /UPDATE document SET letter_id = NULL/],
  ['decision', /INSERT INTO route /],
  ['effect written', /INSERT INTO effect /],
  ['effect claimed', /UPDATE effect SET state = 'INTENDED'/],
  ['questions taken', /WITH ran_out AS/],
  ['restored', /UPDATE effect SET state = 'UNCERTAIN', reason = 'restored'|INSERT INTO ledger_database /],
  ['lease renewed', /UPDATE effect AS e SET lease_until/],
  ['silent ones taken', /UPDATE effect SET checked_at/],
  ['outcome', /UPDATE effect AS e SET state = o\.state/],
  ['effect marked', /UPDATE effect SET published_at/],
  ['answer noted', /UPDATE effect SET answered_at/],
  ['message intended', /INSERT INTO message /],
  ['message ended', /UPDATE message AS m SET state/],
  ['history', /INSERT INTO history /],
  ['letter known', /INSERT INTO letter \(id\)/],
  ['pull noted', /INSERT INTO provider_pull /],
  ['overdue told', /UPDATE expectation e SET published_at/],
  ['day closed', /INSERT INTO (?:closed_day|day_chunk|day_root) /],
  ['revocation list kept', /INSERT INTO revocation_list /],
  ['parked letters given back', /DELETE FROM parked_letter/],
  ['unused uploads dropped', /DELETE FROM document /],
  ['position', /INSERT INTO consumed_offset /],
];
const WRITES = /\b(?:INSERT\s+INTO|UPDATE\s+\w+\s+(?:AS\s+\w+\s+)?SET|DELETE\s+FROM)\b/;

/** @param {string} sql @returns {string | undefined} */
function statement(sql) {
  const named = STATEMENTS.find(([, expression]) => expression.test(sql));
  if (named !== undefined) return named[0];
  return WRITES.test(sql) ? `statement ${sql.replaceAll(/\s+/g, ' ').slice(0, 80)}` : undefined;
}

/** @param {string} topic */
const general = (topic) => topic.replace(/\.\d{9}$/, '.<orgnr>').replace(/\b(?:digipost|eboks|print)\b/, '<provider>');

/** Every text in something, as far as it matters: parameters and rows. @param {unknown} value @returns {string} */
function texts(value) {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(texts).join('\n');
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value) || value instanceof Date) return '';
  return Object.values(value).map(texts).join('\n');
}

/** @param {string} service */
async function watch(service) {
  const [{ BatchingSender }, { HttpClient, currentTrace }] = await Promise.all([
    import('@postgang/runtime'),
    import('@postgang/outside'),
  ]);
  const require = createRequire(import.meta.url);
  const seen = new Set();
  const traces = new Set();
  const prefix = process.env.TOPIC_PREFIX ?? '';

  const armed = () => {
    try {
      return JSON.parse(readFileSync(`${dir}/${service}.armed`, 'utf8'));
    } catch {
      return undefined;
    }
  };
  /** @param {string} step @param {string | undefined} about undefined: cannot be told apart @param {boolean} [known] */
  const after = (step, about, known = false) => {
    if (!seen.has(step)) {
      seen.add(step);
      appendFileSync(`${dir}/edges`, `${service}\t${step}\n`);
    }
    const point = armed();
    if (point?.after !== step) return;
    if (about !== undefined && !known && !point.keys.some((/** @type {string} */ key) => about.includes(key))) return;
    renameSync(`${dir}/${service}.armed`, `${dir}/${point.died}`);
    process.kill(process.pid, 'SIGKILL');
    // nothing more happens here
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  /** @param {any} prototype @param {string} name @param {(original: Function) => Function} wrap */
  const patch = (prototype, name, wrap) => {
    const original = prototype[name];
    if (typeof original !== 'function') throw new Error(`there is no ${name} to watch any more`);
    prototype[name] = wrap(original);
  };

  patch(
    BatchingSender.prototype,
    'produce',
    (original) =>
      /** @this {unknown} @param {any[]} messages */
      async function (messages) {
        await original.call(this, messages);
        for (const topic of new Set(messages.map((message) => message.topic)))
          after(
            `publish ${general(topic)}`,
            messages
              .filter((message) => message.topic === topic)
              .map(({ key }) => key)
              .join('\n'),
          );
      },
  );

  const { Committer } = await import(new URL('./kafka/committer.js', import.meta.resolve('@postgang/runtime')).href);
  patch(
    Committer.prototype,
    'send',
    (original) =>
      /** @this {unknown} @param {any[]} taken */
      async function (taken) {
        await original.call(this, taken);
        for (const { payload } of taken)
          after(
            `commit ${general(payload.batch.topic.slice(prefix.length))}`,
            payload.batch.messages.map((/** @type {any} */ { key }) => String(key)).join('\n'),
          );
      },
  );

  const { PostgresQueryRunner } = require('typeorm/driver/postgres/PostgresQueryRunner.js');
  const transactions = new WeakMap();
  patch(
    PostgresQueryRunner.prototype,
    'query',
    (original) =>
      /** @this {any} @param {string} sql @param {unknown} parameters @param {unknown[]} rest */
      async function (sql, parameters, ...rest) {
        const result = await original.call(this, sql, parameters, ...rest);
        if (sql === 'START TRANSACTION') transactions.set(this, []);
        const open = transactions.get(this);
        const step = statement(sql);
        const about = `${texts(parameters)}\n${texts(result?.raw ?? result)}`;
        const point = armed();
        if (point?.keys.some((/** @type {string} */ key) => about.includes(key)))
          for (const [, trace] of about.matchAll(/^00-([0-9a-f]{32})-/gm)) traces.add(trace);
        if (sql === 'COMMIT' || sql === 'ROLLBACK') {
          transactions.delete(this);
          if (sql === 'COMMIT') for (const one of open ?? []) after(one.step, one.about);
        } else if (step !== undefined && open !== undefined) open.push({ step, about });
        else if (step !== undefined) after(step, about);
        return result;
      },
  );

  patch(
    HttpClient.prototype,
    'request',
    (original) =>
      /** @this {unknown} @param {any} call */
      async function (call) {
        const answer = await original.call(this, call);
        const path = call.path.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i, '<id>');
        if (path === '/messages/in') {
          if (answer.body.length > 2) after('receipts fetched', undefined);
        } else if (path === '/messages/out')
          after('letter handed over', '', traces.has(currentTrace()?.split('-')[1] ?? ''));
        else if (path === '/messages/in/<id>/read') after('receipt marked read', undefined);
        return answer;
      },
  );

  const file = await open(new URL(import.meta.url));
  patch(
    Object.getPrototypeOf(file),
    'datasync',
    (original) =>
      /** @this {unknown} */
      async function () {
        await original.call(this);
        after('document stored', undefined);
      },
  );
  await file.close();

  if (service === 'notification') {
    const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection');
    patch(
      SMTPConnection.prototype,
      'send',
      (original) =>
        /** @this {unknown} @param {unknown} envelope @param {unknown} body @param {Function} end */
        function (envelope, body, end) {
          return original.call(this, envelope, body, (/** @type {unknown[]} */ ...answer) => {
            if (answer[0] === null) after('mail sent', undefined);
            end(...answer);
          });
        },
    );
  }
}
