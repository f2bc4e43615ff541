import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { partnerCommandKey } from '@quarterhour/contracts';
import type { PlantRow } from '@quarterhour/db';
import { aCommandEnvelope, aDeviceCommand, aPlant, eventually } from '@quarterhour/testkit';
import { aCommandHouse, type Ack, type CommandHouse, type Partner } from './command-house.js';

const KILLS = 12;
const COMMANDS_PER_KILL = 60;
const PLANTS = 5;
const LONGEST_LIFE_MS = 150;
const UNLIMITED = { QUARTERHOUR_COMMANDS_PER_SECOND: '10000', QUARTERHOUR_COMMANDS_AT_ONCE: '10000' };

let house: CommandHouse;
let partner: Partner;
let plants: PlantRow[];

beforeAll(async () => {
  house = await aCommandHouse();
  partner = await house.aPartner();
  plants = [];
  for (let n = 0; n < PLANTS; n += 1) plants.push(await aPlant(house.admin, partner.organisation));
}, 60_000);

afterAll(async () => {
  await partner.vhost.drop();
  await house.close();
});

describe(`a worker that is killed ${KILLS} times while it answers commands`, () => {
  test('takes each once, gives it one answer however often, and keeps the order of a site', async () => {
    const sent = new Map<string, string>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const worker = await house.startWorker(UNLIMITED);
      const before = partner.acks.length;
      const publishing = publishSome(sent);
      await eventually(() => {
        if (partner.acks.length === before) throw new Error('nothing is answered yet');
        return Promise.resolve();
      });
      await new Promise((resolve) => setTimeout(resolve, (LONGEST_LIFE_MS * kill) / KILLS));
      expect(await worker.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
      await publishing;
    }
    const last = await house.startWorker(UNLIMITED);
    await eventually(
      () => {
        expect(answersByCommand().size).toBe(sent.size);
        return Promise.resolve();
      },
      { withinMs: 60_000 },
    );
    await eventually(async () => expect(await house.rows('select 1 from app.outbox')).toEqual([]), {
      withinMs: 30_000,
    });
    expect(await last.kill('SIGTERM')).toEqual({ code: 0, signal: null });

    for (const [messageId, answers] of answersByCommand()) {
      expect(sent.has(messageId)).toBe(true);
      expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
      expect(new Set(answers.map(({ messageId: id }) => id)).size).toBe(1);
      expect(answers[0]?.event.payload.status).toBe('ACK');
    }
    expect(await kept()).toEqual({ commands: sent.size, first: sent.size, refused: 0, receipts: sent.size });
    for (const plant of plants) expect(firstAnswersOf(plant)).toEqual(await decidedOf(plant));
  }, 240_000);
});

async function publishSome(sent: Map<string, string>): Promise<void> {
  const { vhost, prefix, key } = partner;
  const commands = Array.from({ length: COMMANDS_PER_KILL }, (_, index) => {
    const siteId = plants[index % plants.length]?.id ?? '';
    return key.sign(aCommandEnvelope(siteId, aDeviceCommand()));
  });
  for (const { messageId, siteId } of commands) sent.set(messageId, siteId);
  await Promise.all(commands.map((one) => vhost.publish(partnerCommandKey(prefix, 'device'), one)));
}

function answersByCommand(): Map<string, Ack[]> {
  const found = new Map<string, Ack[]>();
  for (const ack of partner.acks) {
    const { commandMessageId } = ack.event.payload;
    found.set(commandMessageId, [...(found.get(commandMessageId) ?? []), ack]);
  }
  return found;
}

/** Message ids in the order in which they were answered for the first time. */
function firstAnswersOf({ id }: PlantRow): string[] {
  const ofPlant = partner.acks.filter(({ event }) => event.siteId === id);
  return [...new Set(ofPlant.map(({ event }) => event.payload.commandMessageId))];
}

async function decidedOf({ id }: PlantRow): Promise<string[]> {
  const rows = await house.rows<{ message_id: string }>(
    'select message_id from app.command_log where plant_id = $1 order by received_at, id',
    id,
  );
  return rows.map(({ message_id: messageId }) => messageId);
}

async function kept() {
  const [row] = await house.rows(
    `select count(*)::int as commands, count(*) filter (where is_first)::int as first,
       count(*) filter (where status = 'REJECTED')::int as refused,
       (select count(*)::int from app.receipt where stream = 'partner-command') as receipts from app.command_log`,
  );
  return row;
}
