import { Module } from '@nestjs/common';
import { DeadlineWorker } from './expectations/deadline-worker.js';
import { ReceiptsStage } from './receipts.stage.js';

@Module({ controllers: [ReceiptsStage], providers: [DeadlineWorker] })
export class ReceiptsModule {}
