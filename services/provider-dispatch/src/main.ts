import 'reflect-metadata';
import { run } from '@postgang/runtime';
import { service } from './index.js';

run(service);
