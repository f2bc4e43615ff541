import type { Equation } from './judge.js';
import type { ScenarioName } from './scenarios.js';
import type { Patch } from './variant.js';

/**
 * Known-bad workers, each with the situation that shows it. A harness that does not turn red for every one of them proves
 * nothing when it is green for the real worker.
 *
 * The patches are anchored on the compiled text; one that does not fit exactly once fails the run.
 */
export interface Mutant {
  readonly name: string;
  readonly scenario: ScenarioName;
  /** The equations of which one must fail: a worker that is broken in another way proves nothing. */
  readonly shows: readonly Equation[];
  /** What is changed in the worker. */
  readonly patches: readonly Patch[];
  /** What is changed in the database after the migration. */
  readonly sql?: readonly string[];
  /** What is changed in the policy of the virtual host. */
  readonly policy?: Readonly<Record<string, string>>;
}

const INGEST = 'apps/ingest-worker/dist/ingest.js';
const STORE_BATCH = 'apps/ingest-worker/dist/store-batch.js';
const MAIN = 'apps/ingest-worker/dist/main.js';
const POOL = 'packages/db/dist/pool.js';
const READY = 'packages/db/dist/ready.js';
const ERRORS = 'packages/db/dist/errors.js';
const INSERT_ONCE = 'packages/db/dist/queries/insert-once.js';
const DISPATCHES = 'packages/db/dist/queries/dispatches.js';
const VERSIONED_TABLE = 'packages/db/dist/queries/versioned-table.js';
const DELIVERY = 'packages/messaging/dist/delivery.js';
const CONSUMER = 'packages/messaging/dist/consumer.js';
const PUBLISHER = 'packages/messaging/dist/publisher.js';
const OUTBOX = 'packages/db/dist/queries/outbox.js';
const RELAY = 'apps/ingest-worker/dist/outbox/relay.js';
const TROUBLE = 'apps/ingest-worker/dist/outbox/trouble.js';

/** The worker would refuse to start without the keys that these mutants do away with. */
const UNCHECKED_KEYS: Patch = { file: READY, find: '...(await indexProblems(trx))', replace: '...[]' };

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'ack before commit',
    scenario: 'killed with a batch in hand',
    shows: ['lost'],
    patches: [
      {
        file: INGEST,
        find: 'const { received, outcomes } = await this.#store(',
        replace: 'settle(batch);\n            const { received, outcomes } = await this.#store(',
      },
    ],
  },
  {
    name: 'no unique key',
    scenario: 'delivered again after the commit',
    shows: ['twice'],
    patches: [
      UNCHECKED_KEYS,
      { file: DISPATCHES, find: 'on conflict (org_id, event_id) do nothing', replace: 'on conflict do nothing' },
      { file: VERSIONED_TABLE, find: 'on conflict (${listOf(key)}) do nothing', replace: 'on conflict do nothing' },
    ],
    sql: [
      'alter table app.dispatch drop constraint dispatch_pkey',
      'alter table app.telemetry_realtime drop constraint telemetry_realtime_pkey cascade',
    ],
  },
  {
    name: 'key without organisation',
    scenario: 'two organisations with the same ids',
    shows: ['lost'],
    patches: [
      UNCHECKED_KEYS,
      {
        file: DISPATCHES,
        find: 'on conflict (org_id, event_id) do nothing',
        replace: 'on conflict (event_id) do nothing',
      },
      {
        file: INSERT_ONCE,
        find: 'if (isSame === undefined)',
        replace: "if (isSame === undefined) return 'duplicate';\n    if (isSame === undefined)",
      },
    ],
    sql: [
      'alter table app.dispatch drop constraint dispatch_pkey',
      'alter table app.dispatch add constraint dispatch_pkey primary key (event_id)',
    ],
  },
  {
    name: 'requeue on error',
    scenario: 'database away for a while',
    shows: ['lost'],
    patches: [
      {
        file: STORE_BATCH,
        find: 'ctx.log.warn({ err: error, kind, ...about }',
        replace: "if (kind === 'infrastructure') throw error;\n    ctx.log.warn({ err: error, kind, ...about }",
      },
      {
        file: INGEST,
        find: 'if (!(error instanceof StoppedError))',
        replace:
          'if (!(error instanceof StoppedError)) { for (const { amqp } of batch) amqp.tag.requeue(); return; }\n' +
          '            if (!(error instanceof StoppedError))',
      },
      {
        file: DELIVERY,
        find: 'acknowledge(upTo) {',
        // A channel that is closing gives the message back by itself.
        replace:
          'requeue() { try { this.#channel.nack(this.#message, false, true); } catch { } }\n    acknowledge(upTo) {',
      },
    ],
  },
  {
    name: 'swallowed error in the transaction',
    scenario: 'statement cancelled inside the transaction',
    shows: ['lost'],
    patches: [
      {
        file: POOL,
        find: 'throw error instanceof UnansweredError',
        replace: "if (error.code === '57014') return;\n            throw error instanceof UnansweredError",
      },
    ],
  },
  {
    name: 'query timeout without destroying the client',
    scenario: 'statement not answered in time',
    shows: ['unbalanced', 'lost', 'stuck'],
    patches: [{ file: POOL, find: 'client.release(!session.isIdle());', replace: 'client.release();' }],
  },
  {
    name: 'poison classed by any error',
    scenario: 'statement cancelled inside the transaction',
    shows: ['misfiled'],
    patches: [
      {
        file: ERRORS,
        find: 'if (INFRASTRUCTURE_CLASSES.has(code.slice(0, 2)))',
        replace:
          "if (INFRASTRUCTURE_CLASSES.has(code.slice(0, 2))) return 'data';\n    if (INFRASTRUCTURE_CLASSES.has(code.slice(0, 2)))",
      },
    ],
  },
  {
    name: 'stale ack on a new channel',
    scenario: 'channel lost with a batch in hand',
    shows: ['lost'],
    patches: [
      { file: CONSUMER, find: 'if (this.isCurrent(delivery))', replace: 'if (this.#channel !== null)' },
      {
        file: CONSUMER,
        find: 'delivery.tag.acknowledge(upTo)',
        replace: 'delivery.tag.acknowledgeOn(this.#channel, upTo)',
      },
      {
        file: DELIVERY,
        find: 'acknowledge(upTo) {',
        replace: 'acknowledgeOn(channel, upTo) { channel.ack(this.#message, upTo); }\n    acknowledge(upTo) {',
      },
    ],
  },
  {
    name: 'commits that may be lost',
    scenario: 'database killed while it commits',
    shows: ['lost'],
    patches: [
      {
        file: READY,
        find: '...(options.acceptVolatile === true ? [] : await durabilityProblems(trx))',
        replace: '...[]',
      },
    ],
    sql: [
      `do $$ begin
         execute format('alter role quarterhour_ingest in database %I set synchronous_commit = off', current_database());
       end $$`,
    ],
  },
  {
    // What one statement does that copies a row to the history and replaces it: it waits for the other writer, and then
    // goes on with the row that its snapshot saw.
    name: 'one-statement history',
    scenario: 'corrections that race',
    shows: ['lost'],
    patches: [UNCHECKED_KEYS, { file: VERSIONED_TABLE, find: 'order by o.n for update of t', replace: 'order by o.n' }],
    sql: ['alter table app.telemetry_realtime_history drop constraint telemetry_realtime_history_pkey cascade'],
  },
  {
    name: 'at-most-once dead-lettering',
    scenario: 'nobody takes dead letters for a while',
    shows: ['lost'],
    patches: [],
    policy: { 'dead-letter-strategy': 'at-most-once' },
  },
  {
    name: 'outbox from the last id on',
    scenario: 'told while transactions overlap',
    shows: ['lost'],
    patches: [
      {
        file: OUTBOX,
        find: 'return trx.query({ text: DUE, values: [plainArray(organisations), most, plainArray(but)] });',
        replace:
          'return trx.query({ text: DUE, values: [plainArray(organisations), most, plainArray(but)] }).then((due) => {\n' +
          '        const fresh = due.filter(({ id }) => Number(id) > (globalThis.lastTold ?? 0));\n' +
          '        for (const { id } of fresh) globalThis.lastTold = Number(id);\n' +
          '        return fresh;\n    });',
      },
    ],
  },
  {
    name: 'outbox without mandatory',
    scenario: 'told while nobody listens',
    shows: ['lost'],
    patches: [{ file: PUBLISHER, find: 'mandatory: true', replace: 'mandatory: false' }],
  },
  {
    name: 'outbox deleted before the confirm',
    scenario: 'told into a dead connection',
    shows: ['lost'],
    patches: [{ file: RELAY, find: 'await published;', replace: 'published.catch(() => undefined);' }],
  },
];

/** Changes under which both the real worker and the mutants go through a scenario: test-sized deadlines. */
export const SCENARIO_PATCHES: Readonly<Partial<Record<ScenarioName, readonly Patch[]>>> = {
  'statement not answered in time': [
    { file: MAIN, find: 'const ANSWER_TIMEOUT_MS = 12_000;', replace: 'const ANSWER_TIMEOUT_MS = 1_000;' },
  ],
  'told while nobody listens': [
    { file: TROUBLE, find: 'const LAST_RETRY_MS = 60_000;', replace: 'const LAST_RETRY_MS = 1_000;' },
  ],
};
