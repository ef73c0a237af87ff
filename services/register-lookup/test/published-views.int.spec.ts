import { openDatabase, OPERATIONS_READER } from '@postgang/runtime';
import { describePublishedViews } from '@postgang/testing';
import { service } from '../src/index.js';

const { entities, migrations } = service.database as NonNullable<typeof service.database>;
const onStatement = (): void => undefined;

describePublishedViews({
  schema: 'register_lookup',
  api: 'routing_api_v1',
  role: OPERATIONS_READER,
  views: {
    route: ['letter_id', 'leg', 'routed', 'rule', 'decided_at'],
    parked_letter: ['letter_id', 'sender', 'why', 'parked_at'],
  },
  migrations: migrations.length,
  open: (url) => openDatabase({ url, schema: 'register_lookup', pool: 2, entities, migrations, onStatement }),
});
