import { attemptOf, deadLetterTopic, isUuid, retryTopic, RETRY_TIERS, type ServiceName } from '@postgang/pipeline';
import type { KeyRing } from '@postgang/outside';
import { createHash } from 'node:crypto';
import { recordId } from './kafka/incoming.js';
import type { OutgoingMessage } from './kafka/sender.js';
import type { LyingRecord } from './kafka/topic-reader.js';
import {
  DEAD_BECAUSE,
  DUE_AT,
  FAILURE,
  ORIGIN_OFFSET,
  ORIGIN_PARTITION,
  ORIGIN_TOPIC,
  REDRIVE,
  REDRIVES,
} from './outgoing.js';
import { scrub } from './scrub.js';
import { openRecord, SEALED } from './sealed-record.js';

/** What may be said of a dead letter: nothing of its content. */
export interface DeadLetter {
  readonly service: ServiceName;
  /** Where it lies in the service's dead-letter topic. */
  readonly partition: number;
  readonly offset: string;
  /** When it was given up. */
  readonly at: Date;
  /** Of the event in it: the same when it is sent again. */
  readonly recordId: string;
  /** The record's key where that is an id: of a letter, or a conversation. */
  readonly key: string | null;
  readonly originTopic: string;
  readonly originPlace: string | null;
  readonly attempts: number;
  /** Class and scrubbed message, or a stable reason. */
  readonly failure: string;
  readonly because: string;
  /** Undecodable: the record lies sealed in it. */
  readonly sealed: boolean;
  /** How often it was sent again before. */
  readonly redrives: number;
  readonly bytes: number;
  /** SHA-256 of all of it, hex: a topic that was made anew has other records at the same places. */
  readonly digest: string;
}

export function deadLetterOf(service: ServiceName, record: LyingRecord): DeadLetter {
  const { partition, offset, at, key, value, headers } = record;
  const originTopic = headers[ORIGIN_TOPIC] ?? '';
  const [originPartition, originOffset] = [headers[ORIGIN_PARTITION], headers[ORIGIN_OFFSET]];
  const raw = { key, value, headers, topic: deadLetterTopic(service), partition, offset: offset.toString() };
  return {
    service,
    partition,
    offset: offset.toString(),
    at,
    recordId: recordId(originTopic, raw),
    key: isUuid(key) ? key : null,
    originTopic: harmless(originTopic, 100),
    originPlace: originPartition === undefined ? null : harmless(`${originPartition}@${originOffset}`, 40),
    attempts: attemptOf(headers),
    failure: failureOf(headers),
    because: harmless(headers[DEAD_BECAUSE] ?? 'unknown', 40),
    sealed: headers[SEALED] !== undefined,
    redrives: redrivesOf(headers),
    bytes: value?.length ?? 0,
    digest: digestOf(record),
  };
}

/** Why a record was set aside, as it may be shown: class and scrubbed message, or a stable reason, at most 300 characters. */
export const failureOf = (headers: LyingRecord['headers']): string => harmless(headers[FAILURE] ?? 'unknown', 300);

/** What others wrote, as it may be shown: nothing personal, nothing that moves or turns a terminal's text, nothing that a database cannot hold. */
export const harmless = (text: string, most: number): string => oneLine(scrub(text).slice(0, most));

/** The same for who has the right to read it all: it stays within its line and on the terminal as it is. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').toWellFormed();

function redrivesOf(headers: LyingRecord['headers']): number {
  const count = Number(headers[REDRIVES] ?? 0);
  return Number.isInteger(count) && count >= 0 && count < 1_000_000 ? count : 0;
}

function digestOf({ key, value, headers }: LyingRecord): string {
  const hash = createHash('sha256').update(JSON.stringify([key, Object.entries(headers).sort()]));
  return hash.update(value ?? '').digest('hex');
}

/**
 * The record in a dead letter on its way to the failing service's own first retry tier, due at once: key, value, event id and first origin as
 * they were, and all attempts before it. `mark` says whose doing it is, and stays with the record. Throws UnknownKey or NotOpenable when it lies sealed.
 */
export function redrivenMessage(
  service: ServiceName,
  record: LyingRecord,
  keys: KeyRing,
  mark: string,
  nowMs: number,
): OutgoingMessage {
  const sealed = record.headers[SEALED] !== undefined;
  const opened =
    sealed && record.value !== null
      ? openRecord(keys, record.key, record.value)
      : { key: record.key, value: record.value, headers: {} };
  const headers: Record<string, string> = { ...opened.headers, ...record.headers };
  for (const name of [SEALED, FAILURE, DEAD_BECAUSE, 'attempt']) delete headers[name];
  headers[DUE_AT] = String(nowMs);
  headers[REDRIVE] = mark;
  headers[REDRIVES] = String(redrivesOf(record.headers) + 1);
  return { topic: retryTopic(service, RETRY_TIERS[0].tier), key: opened.key, value: opened.value, headers };
}
