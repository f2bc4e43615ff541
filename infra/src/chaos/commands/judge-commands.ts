import type { HeardEvent, SentCommand } from './commander.js';

/**
 * What can be wrong with how commands were taken and carried out.
 *
 * - `unanswered`: the broker has confirmed it, and its partner heard neither ACK nor NACK
 * - `answered otherwise`: a command was answered twice, and not the same
 * - `unfinished`: it was taken, and nobody knows or nobody said what became of it
 * - `finished otherwise`: its partner heard two ends of it, or another one than is on record
 * - `carried out twice`: its plant was told of it under two ids
 * - `unasked`: a plant was told of what is not on record as handed over
 * - `disordered`: a plant was told of commands in another order than they were taken and handed over in
 * - `unsent`: messages are still to be published
 */
export const COMMAND_EQUATIONS = [
  'unanswered',
  'answered otherwise',
  'unfinished',
  'finished otherwise',
  'carried out twice',
  'unasked',
  'disordered',
  'unsent',
] as const;
export type CommandEquation = (typeof COMMAND_EQUATIONS)[number];

export interface CommandFinding {
  readonly equation: CommandEquation;
  readonly about: string;
}

/** A command on record. */
export interface CommandOnRecord {
  readonly id: string;
  readonly messageId: string;
  readonly plantId: string;
  readonly status: string;
  readonly ackStatus: string | null;
  readonly isRelayed: boolean;
}

/** A command as it arrived at the gateway of its plant. */
export interface Arrival {
  readonly commandId: string;
  readonly plantId: string;
  readonly mark: number;
  /** The broker had handed it over before: then it may come after later ones. */
  readonly isRedelivered: boolean;
}

/** Everything that is known when a run is over. */
export interface CommandBooks {
  readonly sent: readonly SentCommand[];
  readonly acks: ReadonlyMap<string, readonly HeardEvent[]>;
  readonly executions: ReadonlyMap<string, readonly HeardEvent[]>;
  /** In the order in which they were taken. */
  readonly taken: readonly CommandOnRecord[];
  /** Ids of what was handed over, in that order. */
  readonly handedOver: readonly string[];
  /** In the order in which they came. */
  readonly arrivals: readonly Arrival[];
  readonly outbox: number;
}

const ENDS = ['EXECUTED', 'FAILED', 'EXPIRED'];

/** Compares what partners sent and heard with what is on record, and with what plants were told. */
export function judgeCommands(books: CommandBooks): CommandFinding[] {
  const byMessage = groupedBy(books.taken, ({ messageId }) => messageId);
  return [
    ...books.sent.filter(({ isConfirmed }) => isConfirmed).flatMap((sent) => judgeCommand(sent, books, byMessage)),
    ...tellings(books),
    ...orders(books),
    ...(books.outbox > 0 ? [{ equation: 'unsent' as const, about: `${books.outbox} messages in the outbox` }] : []),
  ];
}

/** Findings by equation, for the report. */
export function tallyCommands(findings: readonly CommandFinding[]): Record<CommandEquation, number> {
  const counts: Record<CommandEquation, number> = {
    unanswered: 0,
    'answered otherwise': 0,
    unfinished: 0,
    'finished otherwise': 0,
    'carried out twice': 0,
    unasked: 0,
    disordered: 0,
    unsent: 0,
  };
  for (const { equation } of findings) counts[equation] += 1;
  return counts;
}

function judgeCommand(
  { messageId }: SentCommand,
  { acks, executions }: CommandBooks,
  byMessage: ReadonlyMap<string, readonly CommandOnRecord[]>,
): CommandFinding[] {
  const found = (equation: CommandEquation, about: string): CommandFinding[] => [
    { equation, about: `${messageId}: ${about}` },
  ];
  const answers = acks.get(messageId) ?? [];
  const [answer] = answers;
  if (answer === undefined) return found('unanswered', 'no answer');
  if (answers.length > 1) return found('answered otherwise', answers.map(({ status }) => status).join(', '));
  const ends = (executions.get(messageId) ?? []).filter(({ status }) => ENDS.includes(status));
  if (answer.status === 'NACK') return ends.length === 0 ? [] : found('finished otherwise', 'it was refused');
  const taken = (byMessage.get(messageId) ?? []).filter(({ ackStatus }) => ackStatus === 'ACK');
  const last = ends.at(-1);
  const record = taken[0];
  if (record === undefined || !ENDS.includes(record.status))
    return found('unfinished', record?.status ?? 'not on record');
  if (last === undefined) return found('unfinished', `${record.status}, but nobody heard`);
  const isOneEnd = ends.length === 1 || (ends.length === 2 && isMadeUpFor(ends[0], last));
  if (taken.length > 1 || !isOneEnd || last.status !== record.status) {
    return found('finished otherwise', `${ends.map(({ status }) => status).join(', ')}; on record ${record.status}`);
  }
  return [];
}

/** A plant that was given up and did it all the same: the later word counts. */
function isMadeUpFor(first: HeardEvent | undefined, second: HeardEvent): boolean {
  const wasGivenUp = first?.status === 'FAILED' && ['TIMEOUT', 'PLANT_OFFLINE'].includes(first.reason ?? '');
  return wasGivenUp && second.status === 'EXECUTED';
}

function tellings({ arrivals, taken }: CommandBooks): CommandFinding[] {
  const relayed = new Set(taken.filter(({ isRelayed }) => isRelayed).map(({ id }) => id));
  const unasked = new Set(
    arrivals.filter(({ commandId }) => !relayed.has(commandId)).map(({ commandId }) => commandId),
  );
  const byMark = groupedBy(arrivals, ({ plantId, mark }) => `${plantId} ${mark}`);
  const twice = [...byMark].filter(([, told]) => new Set(told.map(({ commandId }) => commandId)).size > 1);
  return [
    ...[...unasked].map((about): CommandFinding => ({ equation: 'unasked', about })),
    ...twice.map(([about]): CommandFinding => ({ equation: 'carried out twice', about })),
  ];
}

/** Of each plant: taken, handed over, told, in one order. What came again counts when it came first. */
function orders({ arrivals, taken, handedOver }: CommandBooks): CommandFinding[] {
  const redelivered = new Set(arrivals.filter(({ isRedelivered }) => isRedelivered).map(({ commandId }) => commandId));
  const position = new Map(handedOver.map((id, index) => [id, index]));
  const first = new Map<string, string>();
  for (const { commandId, plantId } of arrivals) {
    if (!redelivered.has(commandId) && !first.has(commandId)) first.set(commandId, plantId);
  }
  return [...groupedBy(taken, ({ plantId }) => plantId)].flatMap(([plantId, commands]): CommandFinding[] => {
    const told = [...first].filter(([, plant]) => plant === plantId).map(([id]) => position.get(id) ?? -1);
    const inOrderTaken = commands.flatMap(({ id, isRelayed }) => (isRelayed ? [position.get(id) ?? -1] : []));
    return [
      ...(isRising(told) ? [] : [{ equation: 'disordered' as const, about: `${plantId}: told` }]),
      ...(isRising(inOrderTaken) ? [] : [{ equation: 'disordered' as const, about: `${plantId}: handed over` }]),
    ];
  });
}

function isRising(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? -1));
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
