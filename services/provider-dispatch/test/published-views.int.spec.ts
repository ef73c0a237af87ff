import { openDatabase, OPERATIONS_READER } from '@postgang/runtime';
import { describePublishedViews, EFFECT_COLUMNS } from '@postgang/testing';
import { service } from '../src/index.js';

const { entities, migrations } = service.database as NonNullable<typeof service.database>;
const onStatement = (): void => undefined;

describePublishedViews({
  schema: 'provider_dispatch',
  api: 'effect_api_v1',
  role: OPERATIONS_READER,
  views: { effect: EFFECT_COLUMNS },
  migrations: migrations.length,
  open: (url) => openDatabase({ url, schema: 'provider_dispatch', pool: 2, entities, migrations, onStatement }),
});
