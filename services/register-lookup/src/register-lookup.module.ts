import { Module } from '@nestjs/common';
import { RegisterLookupStage } from './register-lookup.stage.js';

@Module({ controllers: [RegisterLookupStage] })
export class RegisterLookupModule {}
