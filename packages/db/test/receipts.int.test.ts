import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { anOrganisation, aPlant, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  deferRaise,
  ensurePartitions,
  insertDispatches,
  insertReceipts,
  listReceipts,
  raiseKnownAt,
  takeAnswered,
  type Database,
  type ReceiptColumn,
  type Projection,
  type ReceiptQuery,
} from '@quarterhour/db';
import { at, connect, dayFromNow, keepSamples, newDispatch, newSample, NOW, query, stamped } from './fixtures.js';
import { explained } from './plans.js';

const COLUMNS: Projection<ReceiptColumn> = [
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'message', column: 'message_id', as: 'text' },
];

let server: TestDatabase;
let ingest: Database;
let read: Database;
let orgId: string;
let plantId: string;
beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
  const owner = await anOrganisation(server.admin);
  orgId = owner.id;
  plantId = (await aPlant(server.admin, owner)).id;
  await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(-2), dayFromNow(-1), dayFromNow(0)]);
});
afterAll(async () => {
  await ingest.close();
  await read.close();
  await server.drop();
});

const planOf = (mode: string, asked: ReceiptQuery): Promise<string> =>
  read.transaction([orgId], async (trx) => {
    await trx.query(query(`set local plan_cache_mode = ${mode}`));
    return explained(trx, (recorder) => listReceipts(recorder, asked, COLUMNS));
  });

test('the receipts of a message are found by indexes, however many there are', async () => {
  const messageId = randomUUID();
  await stamped(ingest, orgId, (trx, receivedAt) =>
    insertDispatches(trx, [newDispatch({ orgId, messageId, receivedAt })]),
  );
  await server.admin.transaction([orgId], async (trx) => {
    await trx.query(
      query(
        `insert into app.receipt (org_id, stream, content_sha256, message_id, outcome, body, first_received_at,
           last_received_at, copies)
         select $1, 'dispatch', sha256(n::text::bytea), 'm-' || n, 'stored', '', now(), now(), 1
         from generate_series(1, 5000) n`,
        [orgId],
      ),
    );
    await trx.query(
      query(
        `insert into app.quarantine (org_id, id, stream, queue, exchange, routing_key, message_id, properties, body,
           body_sha256, body_bytes, reason, detail, replayable, worker, first_seen, last_seen, copies)
         select $1, gen_random_uuid(), 'dispatch', 'q', 'x', n::text, 'm-' || n, '{}', '', sha256(''), 0, 'syntax', '',
           false, 'w', now(), now(), 1
         from generate_series(1, 5000) n`,
        [orgId],
      ),
    );
    await trx.query(query('analyze app.receipt, app.quarantine'));
  });
  for (const mode of ['force_generic_plan', 'force_custom_plan']) {
    const plan = await planOf(mode, { messageId, limit: 50 });
    expect(plan).toContain('receipt_by_message');
    expect(plan).toContain('quarantine_by_message');
    expect(plan).not.toContain('Seq Scan');
  }
});

test('the receipts of an instant are found by the keys of its day’s partition alone', async () => {
  await ingest.transaction([orgId], (trx) => keepSamples(trx, [newSample({ orgId, plantId })]));
  const plan = await planOf('force_custom_plan', { plantId, measuredAt: NOW, limit: 50 });
  const day = NOW.slice(0, 10).replaceAll('-', '');
  expect(plan).toContain(`telemetry_realtime_p${day}`);
  expect(plan).not.toContain(dayFromNow(-1).replaceAll('-', ''));
  expect(plan).not.toMatch(/Seq Scan on telemetry/);
  const found = await read.read([orgId], (trx) => listReceipts(trx, { plantId, measuredAt: NOW, limit: 50 }, COLUMNS));
  expect(found.size).toBe(1);
  const elsewhere = { plantId, measuredAt: at('2001-01-01T00:00:00Z'), limit: 50 };
  expect((await read.read([orgId], (trx) => listReceipts(trx, elsewhere, COLUMNS))).size).toBe(0);
});

test('a receipt without an instant has the one to which its organisation is raised by then', async () => {
  const messageId = randomUUID();
  const row = { orgId, messageId, contentSha256: randomBytes(32), body: Buffer.from('{}'), receivedAt: null };
  const [head] = await ingest.transaction([orgId], async (trx) => {
    deferRaise(trx, [orgId]);
    insertReceipts(trx, 'command-answer', [row], ['stored']);
    return trx.query<{ raised: string }>(query('select known_at as raised from app.org_head'));
  });
  const [found] = await read.read([orgId], (trx) =>
    trx.query<{ first: string; last: string }>(
      query('select first_received_at as first, last_received_at as last from app.receipt where message_id = $1', [
        messageId,
      ]),
    ),
  );
  expect(found).toEqual({ first: head?.raised, last: head?.raised });
});

test('nobody has to wait for the head of an organisation whose answers are being judged', async () => {
  const commandId = randomUUID();
  const raised = await ingest.transaction([orgId], async (trx) => {
    await takeAnswered(trx, [{ orgId, plantId, commandId }]);
    return ingest.transaction([orgId], (other) => raiseKnownAt(other, [orgId]));
  });
  expect([...raised.keys()]).toEqual([orgId]);
});
