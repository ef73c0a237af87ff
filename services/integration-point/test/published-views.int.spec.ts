import { openDatabase, OPERATIONS_READER } from '@postgang/runtime';
import { describePublishedViews } from '@postgang/testing';
import { service } from '../src/index.js';

const { entities, migrations } = service.database as NonNullable<typeof service.database>;
const onStatement = (): void => undefined;

describePublishedViews({
  schema: 'integration_point',
  api: 'intake_api_v1',
  role: OPERATIONS_READER,
  views: {
    letter: ['id', 'sender', 'reference', 'accepted_at', 'published_at'],
  },
  migrations: migrations.length,
  open: (url) => openDatabase({ url, schema: 'integration_point', pool: 2, entities, migrations, onStatement }),
});
