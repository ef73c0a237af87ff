import { openDatabase, OPERATIONS_READER } from '@postgang/runtime';
import { describePublishedViews } from '@postgang/testing';
import { service } from '../src/index.js';

const { entities, migrations } = service.database as NonNullable<typeof service.database>;
const onStatement = (): void => undefined;

describePublishedViews({
  schema: 'provider_dispatch',
  api: 'effect_api_v1',
  role: OPERATIONS_READER,
  views: {
    effect: [
      'id',
      'letter_id',
      'leg',
      'provider',
      'sender',
      'state',
      'attempts',
      'settled',
      'reason',
      'created_at',
      'not_before',
      'done_at',
      'published_at',
      'answered_at',
    ],
    consumed_offset: ['topic', 'partition', 'next_offset'],
  },
  tables: ['effect', 'consumed_offset'],
  migrations: migrations.length,
  open: (url) => openDatabase({ url, schema: 'provider_dispatch', pool: 2, entities, migrations, onStatement }),
});
