import { GIVEN_UP } from '@postgang/rules';
import { BY_PROVIDER, PAST_AFTER_MS, type When } from './reconcile.js';

/**
 * What the verdict on a letter depends on, as text that the server writes: letters alike have the same verdict, so one of them is read and judged for all
 * (`reconcile` says what it asks; a spec holds the two against each other, letter by letter and fault by fault). Ids are left out, and a time that has
 * passed long since is `past`; one that might still matter stands there as it is. A letter that the server says nothing of is read itself.
 */
const PAST = (time: string): string => `CASE WHEN ${time} <= $2 THEN 'past' ELSE ${time}::text END`;

/** What each book says of a letter, row by row. The temporary ones: see open-books.ts. */
const FACTS: Readonly<Record<string, string>> = {
  'intake_api_v1.letter AS letter(letter_id)': `${PAST('accepted_at')}, published_at IS NULL`,
  'routing_api_v1.route': `leg, routed, ${PAST('decided_at')}`,
  'routing_api_v1.parked_letter': 'why',
  'history_api_v1.leg': 'leg, channel, provider, state',
  audited_awaited: 'leg, due_at < $3',
  audited_set_aside: 'problem',
  audited_effect: `leg, provider, state, settled, ${PAST('created_at')}, ${PAST('done_at')}, published_at IS NULL, ${PAST('reported_at')}, status, times`,
  'message_api_v1.effect': `leg, state, ${PAST('done_at')}`,
};

/** Of $1, letters: each likeness, and whose it is. */
const alike = (letters: string): string =>
  `SELECT says, string_agg(id::text, ',') FROM (${letters}) letter GROUP BY says`;

export const ALIKE = alike(
  `SELECT letter_id AS id, string_agg(fact, '') AS says FROM (
     ${Object.entries(FACTS)
       .map(
         ([book, says], index) =>
           `SELECT letter_id, ROW(${index}, ${says})::text AS fact FROM ${book} WHERE letter_id = ANY($1::uuid[])`,
       )
       .join(' UNION ALL ')}) fact GROUP BY letter_id`,
);

/**
 * The same of receipts' book, which is most of it. The server hashes the chains, as libs/evidence does: to hash six million entries here, they would all
 * have to be brought here. Says nothing of a letter whose chain does not hold, does not end as its row says, or whose receipts and reports are not those that the
 * entries tell of. (Text is not escaped as JSON has it: an entry that needs it does not fit, and the letter is read itself.)
 */
export const HISTORIES_ALIKE = alike(
  `SELECT letter_id AS id, ROW(l.status)::text || says AS says FROM (
     SELECT letter_id, bool_and(fits AND seq = n) AS holds, count(*) AS entries, (array_agg(hash))[count(*)] AS head,
       coalesce(array_agg(event_id) FILTER (WHERE kind = ANY('{${BY_PROVIDER.join(',')}}')), '{}') AS told,
       string_agg(ROW(kind, leg, ${PAST('at')}, position('"notify":true'::bytea IN data) > 0,
         kind = 'refused' AND position('"stage":"register-lookup"'::bytea IN data) > 0,
         kind = 'leg-refused' AND position('"reason":"${GIVEN_UP}"'::bytea IN data) > 0)::text, '') AS says
     FROM (
       SELECT *, row_number() OVER letter AS n, position('\\' IN kind || event_id) = 0 AND at > 'epoch'
         AND hash = sha256(coalesce(lag(hash) OVER letter, sha256(convert_to(letter_id::text, 'UTF8'))) || convert_to(
           '[' || seq || ',"' || to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '","' || kind || '",' || coalesce(leg::text, 'null') || ',"'
           || event_id || '","' || replace(encode(data, 'base64'), E'\\n', '') || '"]', 'UTF8')) AS fits
       FROM history_api_v1.history WHERE letter_id = ANY($1::uuid[]) WINDOW letter AS (PARTITION BY letter_id ORDER BY seq)
     ) entry GROUP BY letter_id
   ) chain JOIN history_api_v1.letter l ON l.id = letter_id AND l.seq = entries AND l.head_hash = head
   LEFT JOIN (SELECT letter_id, array_agg(event_id) AS stored FROM history_api_v1.counted_receipt WHERE letter_id = ANY($1::uuid[]) GROUP BY letter_id) receipt
     USING (letter_id)
   WHERE holds AND told <@ coalesce(stored, '{}') AND coalesce(stored, '{}') <@ told`,
);

/** $2 and $3 of them. */
export const timesOf = ({ now, databaseNow, reportedUntil }: When): readonly [past: Date, now: Date] => [
  new Date(Math.min(now, databaseNow, reportedUntil) - PAST_AFTER_MS),
  new Date(now),
];
