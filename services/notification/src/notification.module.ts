import { Module } from '@nestjs/common';
import { NotificationStage } from './notification.stage.js';

@Module({ controllers: [NotificationStage] })
export class NotificationModule {}
