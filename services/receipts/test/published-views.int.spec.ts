import { openDatabase, OPERATIONS_READER } from '@postgang/runtime';
import { describePublishedViews } from '@postgang/testing';
import { service } from '../src/index.js';

const { entities, migrations } = service.database as NonNullable<typeof service.database>;
const onStatement = (): void => undefined;

describePublishedViews({
  schema: 'receipts',
  api: 'history_api_v1',
  role: OPERATIONS_READER,
  views: {
    letter: [
      'id',
      'sender',
      'reference',
      'status',
      'seq',
      'head_hash',
      'refused_reason',
      'refused_detail',
      'leg',
      'channel',
      'provider',
      'leg_reason',
      'leg_detail',
    ],
    history: ['letter_id', 'seq', 'at', 'kind', 'leg', 'event_id', 'data', 'hash'],
    receipt: ['event_id', 'letter_id', 'leg', 'provider', 'kind', 'raw', 'certificates', 'received_at'],
    leg: ['letter_id', 'leg', 'conversation_id', 'channel', 'provider', 'state', 'reason', 'detail', 'sealed_at'],
    expectation: ['letter_id', 'leg', 'awaits', 'owed_by', 'due_at', 'met_at', 'overdue_at', 'published_at'],
    receipt_set_aside: ['event_id', 'conversation_id', 'provider', 'kind', 'problem', 'received_at'],
    provider_pull: ['provider', 'pulled_until'],
    awaited: ['letter_id', 'leg', 'awaits', 'owed_by', 'since', 'due_at', 'met_at', 'overdue_at'],
    usual_time: ['provider', 'awaits', 'samples', 'newest', 'p50_seconds', 'p95_seconds'],
    counted_receipt: ['event_id', 'letter_id'],
    receipt_in_doubt: ['conversation_id', 'provider', 'problem', 'received_at'],
    recording: ['letter_id', 'seq', 'recorded_on'],
    day_root: ['day', 'size', 'root', 'statement'],
    day_chunk: ['day', 'number', 'first_letter', 'root', 'leaves'],
    revocation_list: ['id', 'issuer', 'this_update', 'next_update', 'der'],
  },
  migrations: migrations.length,
  open: (url) => openDatabase({ url, schema: 'receipts', pool: 2, entities, migrations, onStatement }),
});
