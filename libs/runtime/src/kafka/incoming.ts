import { header, isUuid, POSTGANG_NAMESPACE, topicOf, uuidv5 } from '@postgang/pipeline';
import type { KafkaMessage } from 'kafkajs';
import {
  DEAD_BECAUSE,
  DUE_AT,
  FAILURE,
  ORIGIN_OFFSET,
  ORIGIN_PARTITION,
  ORIGIN_TOPIC,
  REDRIVE,
  REDRIVES,
} from '../outgoing.js';
import type { RawRecord } from '../outgoing.js';

/** Attributes of CloudEvents 1.0 (Kafka binding §3.2.3) and W3C Trace Context: what anybody may say about a record. */
const SAID = [
  'content-type',
  'ce_specversion',
  'ce_id',
  'ce_source',
  'ce_type',
  'ce_subject',
  'ce_time',
  'ce_dataschema',
  'traceparent',
];
/** What only this service's own retry tiers may say: where a record came from, how often it was tried, when it is due. */
const OURS = [
  ORIGIN_TOPIC,
  ORIGIN_PARTITION,
  ORIGIN_OFFSET,
  'attempt',
  DUE_AT,
  FAILURE,
  DEAD_BECAUSE,
  REDRIVE,
  REDRIVES,
];
const LONGEST_HEADER = 1_000;

/**
 * A record as it was read, with the headers that mean something. Whoever may write to a topic may write any header: one that named another
 * topic as its origin would come from another agency, and unknown ones would travel on into dead letters, personal or not.
 */
export function rawRecord(message: KafkaMessage, topic: string, partition: number, retried: boolean): RawRecord {
  const headers: Record<string, string> = {};
  for (const name of retried ? [...SAID, ...OURS] : SAID) {
    const value = header(message.headers, name);
    if (value !== undefined && value.length <= LONGEST_HEADER) headers[name] = value;
  }
  return {
    key: message.key?.toString() ?? '',
    value: message.value,
    headers,
    topic,
    partition,
    offset: message.offset,
  };
}

/**
 * Id of the event in a record, a UUID whatever the writer did. An agency's own `ce_id` is not believed: two records of one id would give two
 * events of one id, and the second would be taken for a repeat. Theirs, and those without one, are told apart by where they lay first.
 */
export function recordId(origin: string, { headers, partition, offset }: RawRecord): string {
  const id = header(headers, 'ce_id');
  if (id !== undefined && isUuid(id) && !isAgencys(origin)) return id;
  const place = [origin, header(headers, ORIGIN_PARTITION) ?? partition, header(headers, ORIGIN_OFFSET) ?? offset];
  return uuidv5(POSTGANG_NAMESPACE, place.join('/'));
}

const isAgencys = (topic: string): boolean =>
  (topicOf(topic)?.topic.writers as readonly string[] | undefined)?.includes('agency') === true;
