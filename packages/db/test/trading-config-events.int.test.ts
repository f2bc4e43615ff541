import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  insertTradingConfigEvents,
  listTradingConfigEvents,
  type Database,
  type NewTradingConfigEvent,
  type Page,
  type Projection,
  type TradingConfigColumn,
  type TradingConfigKey,
  type TradingConfigQuery,
} from '@quarterhour/db';
import { at, connect, query, stamped } from './fixtures.js';
import { branchOf, explained } from './plans.js';

const MESSAGES: Projection<TradingConfigColumn> = [{ name: 'id', column: 'message_id', as: 'text' }];

let server: TestDatabase;
let ingest: Database;
let read: Database;
let orgId: string;
let other: string;
beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
  orgId = (await anOrganisation(server.admin)).id;
  other = (await anOrganisation(server.admin)).id;
});
afterAll(async () => {
  await ingest.close();
  await read.close();
  await server.drop();
});

const event = (owner: string, messageId: string): Omit<NewTradingConfigEvent, 'receivedAt'> => ({
  orgId: owner,
  messageId,
  contentSha256: createHash('sha256').update(messageId).digest(),
  body: Buffer.from(messageId),
  origin: 'partner',
  kind: 'constraints',
  plantId: null,
  correlationId: null,
  source: 'test',
  actor: null,
  reason: null,
  occurredAt: at('2026-01-15T10:00:00Z'),
  payload: '{}',
  routingKey: 'acme.config.constraints',
});
const store = (owner: string, ids: readonly string[]) =>
  stamped(ingest, owner, (trx, receivedAt) =>
    insertTradingConfigEvents(
      trx,
      ids.map((id) => ({ ...event(owner, id), receivedAt })),
    ),
  );
const asked = (different: Partial<TradingConfigQuery> = {}): TradingConfigQuery => ({
  order: 'asc',
  limit: 50,
  ...different,
});
const list = (different: Partial<TradingConfigQuery> = {}, scope = [orgId, other]): Promise<Page<TradingConfigKey>> =>
  read.read(scope, (trx) => listTradingConfigEvents(trx, asked(different), MESSAGES));
const idsOf = ({ json }: Page<TradingConfigKey>): readonly string[] => {
  const rows: readonly { readonly id: string }[] = JSON.parse(json);
  return rows.map(({ id }) => id);
};

describe('listing trading config events', () => {
  test('walks those of a batch in their order, and those of several organisations once each, either way', async () => {
    await store(orgId, ['a-2', 'a-1', 'a-3']);
    await store(other, ['b-1']);
    await store(orgId, ['a-4']);
    const oldestFirst = ['a-2', 'a-1', 'a-3', 'b-1', 'a-4'];
    for (const order of ['asc', 'desc'] as const) {
      const walked: string[] = [];
      let after: TradingConfigKey | null = null;
      do {
        const page: Page<TradingConfigKey> = await list({ order, limit: 2, ...(after === null ? {} : { after }) });
        walked.push(...idsOf(page));
        after = page.hasMore ? page.lastKey : null;
      } while (after !== null);
      expect(walked).toEqual(order === 'asc' ? oldestFirst : oldestFirst.toReversed());
    }
    expect(idsOf(await list({}, [other]))).toEqual(['b-1']);
  });

  test('reads each organisation straight from the index that holds the order', async () => {
    await server.admin.transaction([orgId], async (trx) => {
      await trx.query(
        query(
          `insert into app.trading_config_event (org_id, message_id, origin, kind, source, occurred_at, payload,
             routing_key, content_sha256, received_at, place)
           select $1, 'many-' || n, 'partner', 'topology', 's', now(), '{}', 'k', sha256(n::text::bytea),
             now() - n * interval '1 second', 0
           from generate_series(1, 5000) n`,
          [orgId],
        ),
      );
      await trx.query(query('analyze app.trading_config_event'));
    });
    const after = { receivedAt: at('2026-01-15T10:00:00Z'), orgId, place: 0 };
    for (const mode of ['force_generic_plan', 'force_custom_plan']) {
      for (const order of ['asc', 'desc'] as const) {
        for (const more of [{}, { after, knownAt: at('2100-01-01T00:00:00Z'), from: at('2020-01-01T00:00:00Z') }]) {
          const plan = await read.transaction([orgId], async (trx) => {
            await trx.query(query(`set local plan_cache_mode = ${mode}`));
            return explained(trx, (recorder) => listTradingConfigEvents(recorder, asked({ order, ...more }), MESSAGES));
          });
          expect(branchOf(plan)).toContain('trading_config_event_by_arrival');
          expect(branchOf(plan)).not.toMatch(/Sort|Seq Scan|Bitmap/);
        }
      }
    }
  });
});
