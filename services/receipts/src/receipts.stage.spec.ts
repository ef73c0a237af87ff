import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { takesIn, TOPICS } from '@postgang/pipeline';
import { stagePatterns } from '@postgang/runtime';
import { ReceiptsStage } from './receipts.stage.js';

describe('the stage of receipts', () => {
  it('takes in what the table of topics says: deadlines and books wait until all of it has been read', () => {
    const handle = Object.getOwnPropertyDescriptor(ReceiptsStage.prototype, 'handle')?.value as object;
    const patterns = Reflect.getMetadata('microservices:pattern', handle) as string[];
    const table = TOPICS.filter((topic) => takesIn('receipts', topic)).map(({ name }) => name);
    expect(patterns.flatMap(stagePatterns).sort()).toEqual(table.sort());
  });
});
