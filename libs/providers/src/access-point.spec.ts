import { describe, expect, it } from '@jest/globals';
import { fateOf, settledBy } from './access-point.js';

const answer = (status: number, body: unknown = {}, headers: Record<string, string> = {}) => ({
  status,
  headers,
  json: () => body,
});
const problem = (name: string) => ({ type: `https://access-point.example/problems/${name}` });

describe('the fate of a hand-over', () => {
  it.each([
    [answer(201), { kind: 'handed-over' }],
    [answer(400, problem('message-invalid')), { kind: 'refused', reason: 'message-invalid' }],
    [answer(400, problem('signature-invalid')), { kind: 'refused-ours', reason: 'signature-invalid' }],
    [answer(400, problem('technical-sender-mismatch')), { kind: 'refused-ours', reason: 'technical-sender-mismatch' }],
    [answer(400, problem('duplicate-message-id')), { kind: 'uncertain', reason: 'duplicate-message-id' }],
    [answer(422, 'garbage'), { kind: 'refused', reason: 'status-422' }],
    [answer(401), { kind: 'sender-blocked', reason: 'status-401', asked: true }],
    [answer(403), { kind: 'sender-blocked', reason: 'status-403', asked: true }],
    [answer(429, {}, { 'retry-after': '7' }), { kind: 'down', waitMs: 7_000, reason: 'status-429' }],
    [answer(408), { kind: 'retry', waitMs: 5_000, reason: 'status-408' }],
    [answer(500), { kind: 'uncertain', reason: 'status-500' }],
    [answer(503, {}, { 'retry-after': '7' }), { kind: 'uncertain', reason: 'status-503' }],
    [answer(302), { kind: 'uncertain', reason: 'status-302' }],
    [answer(200), { kind: 'uncertain', reason: 'status-200' }],
  ])('is decided by the status: %#', (given, fate) => {
    expect(fateOf(given)).toEqual(fate);
  });
});

describe('settling by asking', () => {
  it.each([
    [[], { kind: 'unknown-there' }],
    [[{ status: 'OPPRETTET' }], { kind: 'handed-over' }],
    [[{ status: 'OPPRETTET' }, { status: 'SENDT' }], { kind: 'handed-over' }],
    [[{ status: 'OPPRETTET' }, { status: 'FEILET' }], { kind: 'refused', reason: 'access-point-failed' }],
    [[{ status: 'NOE_NYTT' }], { kind: 'still-uncertain', reason: 'unknown-status' }],
    [{ status: 'SENDT' }, { kind: 'still-uncertain', reason: 'not-a-list' }],
    [null, { kind: 'still-uncertain', reason: 'not-a-list' }],
  ])('believes only what it understands: %#', (statuses, result) => {
    expect(settledBy(statuses)).toEqual(result);
  });
});
