import { Module } from '@nestjs/common';
import { DayRootWorker } from './day-roots/day-root-worker.js';
import { DeadlineWorker } from './expectations/deadline-worker.js';
import { ReceiptsStage } from './receipts.stage.js';
import { Revocation } from './verification/revocation.js';

@Module({ controllers: [ReceiptsStage], providers: [DeadlineWorker, DayRootWorker, Revocation] })
export class ReceiptsModule {}
