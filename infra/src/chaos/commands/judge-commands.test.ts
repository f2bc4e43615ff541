import { describe, expect, test } from '@jest/globals';
import type { HeardEvent, SentCommand } from './commander.js';
import { judgeCommands, type Arrival, type CommandBooks, type CommandOnRecord } from './judge-commands.js';

const PLANT = 'plant';
const sent = (messageId: string, mark: number): SentCommand => ({ messageId, plantId: PLANT, mark, isConfirmed: true });
const heard = (status: string, reason: string | null = null): HeardEvent => ({
  body: `${status} ${reason}`,
  status,
  reason,
});
const onRecord = (id: string, different: Partial<CommandOnRecord> = {}): CommandOnRecord => ({
  id: `id-${id}`,
  messageId: id,
  plantId: PLANT,
  status: 'EXECUTED',
  ackStatus: 'ACK',
  isRelayed: true,
  ...different,
});
const arrived = (id: string, mark: number, isRedelivered = false): Arrival => ({
  commandId: `id-${id}`,
  plantId: PLANT,
  mark,
  isRedelivered,
});

/** Two commands of one plant that were taken, carried out and told as they should be. */
const books = (different: Partial<CommandBooks> = {}): CommandBooks => ({
  sent: [sent('a', 1), sent('b', 2)],
  acks: new Map([
    ['a', [heard('ACK')]],
    ['b', [heard('ACK')]],
  ]),
  executions: new Map([
    ['a', [heard('EXECUTED')]],
    ['b', [heard('EXECUTED')]],
  ]),
  taken: [onRecord('a'), onRecord('b')],
  handedOver: ['id-a', 'id-b'],
  arrivals: [arrived('a', 1), arrived('b', 2), arrived('b', 2)],
  outbox: 0,
  ...different,
});

const found = (different: Partial<CommandBooks>) => judgeCommands(books(different)).map(({ equation }) => equation);
const answers = (...to: HeardEvent[]) => new Map([...books().acks, ['a', to]]);
const ends = (...of: HeardEvent[]) => new Map([...books().executions, ['a', of]]);

describe('books that agree', () => {
  test.each<[string, Partial<CommandBooks>]>([
    ['as it should be', {}],
    [
      'one that was given up and carried out all the same',
      { executions: ends(heard('FAILED', 'TIMEOUT'), heard('EXECUTED', 'TIMEOUT')) },
    ],
    ['what nobody confirmed', { sent: [...books().sent, { ...sent('c', 3), isConfirmed: false }] }],
    [
      'one that was refused',
      {
        acks: answers(heard('NACK', 'STALE')),
        executions: ends(),
        taken: [onRecord('a', { status: 'REJECTED', ackStatus: 'NACK', isRelayed: false }), onRecord('b')],
        arrivals: [arrived('b', 2)],
      },
    ],
    ['one that came again after a later one', { arrivals: [arrived('b', 2), arrived('a', 1, true)] }],
  ])('show nothing: %s', (_case, different) => expect(found(different)).toEqual([]));
});

describe('books that do not agree', () => {
  test.each<[string, string, Partial<CommandBooks>]>([
    ['unanswered', 'no answer', { acks: answers() }],
    ['answered otherwise', 'ACK and NACK', { acks: answers(heard('ACK'), heard('NACK')) }],
    ['unfinished', 'pending', { taken: [onRecord('a', { status: 'PENDING' }), onRecord('b')] }],
    ['unfinished', 'not on record', { taken: [onRecord('b')], arrivals: [arrived('b', 2)] }],
    ['unfinished', 'nobody heard', { executions: ends() }],
    ['finished otherwise', 'two ends', { executions: ends(heard('EXECUTED'), heard('FAILED', 'TIMEOUT')) }],
    [
      'finished otherwise',
      'a refusal made up for',
      { executions: ends(heard('FAILED', 'PLANT_REFUSED'), heard('EXECUTED')) },
    ],
    ['finished otherwise', 'another one than on record', { executions: ends(heard('FAILED', 'TIMEOUT')) }],
    ['finished otherwise', 'refused and carried out', { acks: answers(heard('NACK', 'STALE')) }],
    [
      'carried out twice',
      'under two ids',
      {
        taken: [...books().taken, onRecord('c')],
        handedOver: ['id-a', 'id-b', 'id-c'],
        arrivals: [arrived('a', 1), arrived('b', 2), arrived('c', 1)],
      },
    ],
    ['unasked', 'never handed over', { taken: [onRecord('a', { isRelayed: false }), onRecord('b')] }],
    ['disordered', 'told', { arrivals: [arrived('b', 2), arrived('a', 1)] }],
    ['disordered', 'handed over', { handedOver: ['id-b', 'id-a'], arrivals: [arrived('b', 2), arrived('a', 1)] }],
    ['unsent', 'in the outbox', { outbox: 1 }],
  ])('show it: %s, %s', (equation, _case, different) => expect(found(different)).toContain(equation));
});
