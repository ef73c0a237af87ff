import { Module } from '@nestjs/common';
import { ReceiptsStage } from './receipts.stage.js';

@Module({ controllers: [ReceiptsStage] })
export class ReceiptsModule {}
