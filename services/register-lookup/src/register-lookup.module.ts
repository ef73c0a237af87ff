import { Module } from '@nestjs/common';
import { CONFIG, RUNTIME } from '@postgang/runtime';
import { PaperRegister } from './parking/paper-register.js';
import { ParkingWorker } from './parking/parking.worker.js';
import { RegisterLookupStage } from './register-lookup.stage.js';
import { openRegisters, REGISTERS } from './registers.js';
import { WaysController } from './ways.controller.js';

@Module({
  controllers: [RegisterLookupStage, WaysController],
  providers: [
    PaperRegister,
    ParkingWorker,
    { provide: REGISTERS, useFactory: openRegisters, inject: [RUNTIME, CONFIG] },
  ],
})
export class RegisterLookupModule {}
