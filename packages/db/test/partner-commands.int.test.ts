import { hash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  enqueueOutgoing,
  keepDecided,
  listDueMessages,
  takeStanding,
  type Database,
  type NewCommand,
  type OrganisationRow,
} from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { v7 as uuidv7 } from 'uuid';
import { connect } from './fixtures.js';
import { explained } from './plans.js';

const AT = parseInstant('2026-07-01T12:00:00Z');
const KEPT = 2_000;

let server: TestDatabase;
let ingest: Database;
let ours: OrganisationRow;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  ours = await anOrganisation(server.admin);
}, 60_000);

afterAll(async () => {
  await ingest.close();
  await server.drop();
});

function aCommand(messageId: string): NewCommand {
  return {
    orgId: ours.id,
    id: uuidv7(),
    keyId: uuidv7(),
    plantId: uuidv7(),
    siteId: 'site',
    messageId,
    correlationId: null,
    contentSha256: hash('sha256', messageId, 'buffer'),
    isFirst: true,
    ackStatus: 'ACK',
    rejectionReason: null,
    receivedAt: AT,
    commandType: 'SITE_SETPOINT',
    routingKey: 'prefix.command.site-setpoint',
    payload: '{}',
    status: 'PENDING',
    source: null,
    publishedAt: AT,
    priority: 'NORMAL',
    validFrom: null,
    validUntil: null,
    nextStepAt: AT,
  };
}

function keep(commands: readonly NewCommand[]): Promise<void> {
  const nothingElse = { schedules: [], cancellations: [], paces: [], answers: [], receipts: [], verdicts: [] };
  return ingest.transaction([ours.id], (trx) => keepDecided(trx, { commands, ...nothingElse }));
}

test('commands are looked up by their message ids, whether or not the table was ever analysed', async () => {
  const asked = {
    organisations: [ours.id],
    messageIds: Array.from({ length: 20 }, () => randomUUID()),
    plants: [],
    schedules: [],
  };
  const look = () =>
    ingest.transaction([ours.id], (trx) => explained(trx, (recorder) => takeStanding(recorder, asked)));
  const byMessageId = /Index Cond: .*message_id = o\.message_id/;
  expect(await look()).toMatch(byMessageId);
  await keep(Array.from({ length: KEPT }, () => aCommand(randomUUID())));
  expect(await look()).toMatch(byMessageId);
  await server.admin.transaction([], (trx) => trx.query({ text: 'analyze app.command_log', values: [] }));
  expect(await look()).toMatch(byMessageId);
});

test('what is before a message in the outbox is never looked for among all, whether or not the table was ever analysed', async () => {
  const message = (n: number) => ({
    orgId: ours.id,
    vhost: 'partner-x',
    exchange: 'vcp',
    routingKey: 'key',
    orderKey: `order ${n}`,
    messageId: randomUUID(),
    body: Buffer.from('{}'),
  });
  const look = () =>
    ingest.transaction([ours.id], (trx) => explained(trx, (recorder) => listDueMessages(recorder, [ours.id], 100)));
  const amongFew = /Index Cond: .*(order_key = m\.order_key|next_try_at > now\(\))/;
  const many = Array.from({ length: KEPT }, (_, n) => message(n));
  await ingest.transaction([ours.id], (trx) => enqueueOutgoing(trx, many));
  expect(await look()).toMatch(amongFew);
  await server.admin.transaction([], (trx) => trx.query({ text: 'analyze app.outbox', values: [] }));
  expect(await look()).toMatch(amongFew);
});

test('what came under a message id before is found, and nothing else', async () => {
  const [one, other] = [aCommand(randomUUID()), aCommand(randomUUID())];
  await keep([one, other]);
  const asked = {
    organisations: [ours.id],
    messageIds: [one.messageId, one.messageId, 'nobody'],
    plants: [],
    schedules: [],
  };
  const { commands } = await ingest.transaction([ours.id], (trx) => takeStanding(trx, asked));
  expect(commands.map(({ id, contentSha256 }) => [id, contentSha256])).toEqual([[one.id, one.contentSha256]]);
});
