import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createRequire } from 'node:module';
import './request-queue.js';

interface Pushed {
  readonly entry: { readonly correlationId: number; readonly resolve: () => void };
  readonly expectResponse: boolean;
  readonly sendRequest: () => void;
}

interface Queue {
  push(request: Pushed): void;
  fulfillRequest(response: { correlationId: number; size: number; payload: null }): void;
  maybeThrottle(milliseconds: number): void;
  destroy(): void;
}

const require = createRequire(import.meta.url);
const RequestQueue = require('kafkajs/src/network/requestQueue/index.js') as new (options: object) => Queue;
const logger = { debug: () => undefined, warn: () => undefined };

let queue: Queue;
let sent: number[];

const request = (correlationId: number): Pushed => ({
  entry: { correlationId, resolve: () => undefined },
  expectResponse: true,
  sendRequest: () => void sent.push(correlationId),
});
const answer = (correlationId: number): void => queue.fulfillRequest({ correlationId, size: 0, payload: null });

beforeEach(() => {
  jest.useFakeTimers();
  sent = [];
  queue = new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 30_000, clientId: 'x', broker: 'x', logger });
});
afterEach(() => {
  queue.destroy();
  jest.useRealTimers();
});

describe('the requests of a connection', () => {
  it('leave no timer when nothing waits', () => {
    queue.push(request(1));
    answer(1);
    expect(sent).toEqual([1]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('go out as answers come, in order', () => {
    for (const id of [1, 2, 3]) queue.push(request(id));
    expect(sent).toEqual([1]);
    answer(1);
    expect(sent).toEqual([1, 2]);
    answer(2);
    answer(3);
    expect(sent).toEqual([1, 2, 3]);
    jest.runOnlyPendingTimers();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('wait while the broker asks for patience, and go out when it is over', () => {
    queue.maybeThrottle(5_000);
    queue.push(request(1));
    jest.advanceTimersByTime(4_900);
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(200);
    expect(sent).toEqual([1]);
    answer(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('wait longer when the broker asks for more patience meanwhile', () => {
    queue.maybeThrottle(100);
    queue.push(request(1));
    queue.maybeThrottle(1_000);
    jest.advanceTimersByTime(900);
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(200);
    expect(sent).toEqual([1]);
  });
});
