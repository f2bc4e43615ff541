import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  COMMAND_TYPES,
  listCommandLogResponse,
  listConfigLogResponse,
  tradingError,
  type CommandType,
} from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import { anOrganisation, aPlant } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';
import { logCommand, logConfig } from './facts.js';

let api: TestApi;
let ours: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
}, 60_000);
afterAll(() => api.close());

const reader = () => ({ orgs: [ours.id], roles: ['auditor'] });
const address = ({ id }: Pick<PlantRow, 'id'>, log: string, query = ''): string =>
  `/api/v1/trading/plants/${id}/${log}${query}`;
const commands = async (plant: PlantRow, query = '') => {
  const { status, body } = await api.get(address(plant, 'command-log', query), reader());
  expect(status).toBe(200);
  return listCommandLogResponse.parse(body);
};
const configs = async (plant: PlantRow, query = '') => {
  const { status, body } = await api.get(address(plant, 'config-log', query), reader());
  expect(status).toBe(200);
  return listConfigLogResponse.parse(body);
};
const minute = (n: number): string => `2026-01-15T10:${String(n).padStart(2, '0')}:00Z`;

describe('the command log of a plant', () => {
  test('is an empty page where nothing was relayed', async () => {
    const nothing = { data: [], meta: { page: 1, limit: 20, total: 0, totalPages: 0 } };
    expect(await commands(await aPlant(api.admin, ours))).toEqual(nothing);
  });

  test('shows a command and what became of it in the contract’s names', async () => {
    const plant = await aPlant(api.admin, ours);
    const id = randomUUID();
    await logCommand(api.admin, ours.id, plant.id, {
      id,
      site_id: 'roof',
      command_type: 'EMERGENCY',
      routing_key: 'acme.command.emergency',
      message_id: 'm-7',
      correlation_id: 'c-7',
      status: 'EXECUTED',
      ack_status: 'ACK',
      executed_at: '2026-01-15T10:00:02.25Z',
    });
    expect((await commands(plant)).data).toEqual([
      {
        ackStatus: 'ACK',
        commandType: 'EMERGENCY',
        correlationId: 'c-7',
        createdAt: '2026-01-15T10:00:00Z',
        executedAt: '2026-01-15T10:00:02.250Z',
        id,
        messageId: 'm-7',
        organizationId: ours.id,
        payload: { type: 'POWER', targetValueKw: -2.5 },
        rejectionReason: null,
        routingKey: 'acme.command.emergency',
        siteId: 'roof',
        status: 'EXECUTED',
      },
    ]);
  });

  test('is read page by page, the newest first', async () => {
    const plant = await aPlant(api.admin, ours);
    for (let n = 0; n < 45; n += 1) {
      await logCommand(api.admin, ours.id, plant.id, { message_id: `m-${n}`, created_at: minute(n) });
    }
    const first = await commands(plant);
    expect(first.meta).toEqual({ page: 1, limit: 20, total: 45, totalPages: 3 });
    expect(first.data.map(({ messageId }) => messageId).slice(0, 2)).toEqual(['m-44', 'm-43']);
    const read: string[] = [];
    for (let url = address(plant, 'command-log', '?limit=10'); url !== '';) {
      const { body, headers } = await api.get(url, reader());
      read.push(...listCommandLogResponse.parse(body).data.map(({ messageId }) => messageId));
      url = /^<([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1] ?? '';
    }
    expect(read).toEqual(Array.from({ length: 45 }, (_, n) => `m-${44 - n}`));
    expect((await commands(plant, '?page=4')).data).toEqual([]);
    expect((await commands(plant, '?limit=100')).data).toHaveLength(45);
  });

  test.each([['commandType'], ['command_type'], ['type']])('holds one kind only when %s names it', async (name) => {
    const plant = await aPlant(api.admin, ours);
    for (const kind of COMMAND_TYPES) await logCommand(api.admin, ours.id, plant.id, { command_type: kind });
    const kinds: CommandType[] = ['EMERGENCY'];
    const found = await commands(plant, `?${name}=EMERGENCY`);
    expect([found.data.map(({ commandType }) => commandType), found.meta.total]).toEqual([kinds, 1]);
  });

  test.each([
    '?commandType=STOP',
    '?commandType=EMERGENCY&type=EMERGENCY',
    '?page=0',
    '?limit=0',
    '?limit=101',
    '?limit=1e1',
    '?colour=red',
  ])('refuses %s with the code of these operations', async (query) => {
    const plant = await aPlant(api.admin, ours);
    const { status, body } = await api.get(address(plant, 'command-log', query), reader());
    expect([status, tradingError.parse(body).code]).toEqual([400, 'BAD_REQUEST']);
  });
});

describe('the config log of a plant', () => {
  test('is an empty page where nothing was sent', async () => {
    const nothing = { data: [], meta: { page: 1, limit: 20, total: 0, totalPages: 0 } };
    expect(await configs(await aPlant(api.admin, ours))).toEqual(nothing);
  });

  test('shows requests in the contract’s names, the newest first', async () => {
    const plant = await aPlant(api.admin, ours);
    const requester = randomUUID();
    await logConfig(api.admin, ours.id, plant.id);
    await logConfig(api.admin, ours.id, plant.id, {
      requested_by: requester,
      request_code: 'r-1',
      result_code: 'OK',
      message: 'taken over',
      is_terminal: true,
      validate_only: true,
      config_snapshot: '{"timeConfigs":[]}',
      sent_at: minute(1),
      responded_at: minute(2),
      created_at: minute(3),
    });
    const { data, meta } = await configs(plant);
    expect(meta.total).toBe(2);
    expect(data).toEqual([
      {
        configSnapshot: { timeConfigs: [] },
        createdAt: minute(3),
        id: expect.any(Number),
        isError: false,
        isTerminal: true,
        message: 'taken over',
        plantId: plant.id,
        requestCode: 'r-1',
        requestedBy: requester,
        respondedAt: minute(2),
        resultCode: 'OK',
        sentAt: minute(1),
        validateOnly: true,
      },
      expect.objectContaining({ configSnapshot: null, requestedBy: null, sentAt: null, isTerminal: false }),
    ]);
  });
});

test.each(['command-log', 'config-log'])('the %s of another’s plant is that of no plant', async (log) => {
  const theirs = await anOrganisation(api.admin);
  const plant = await aPlant(api.admin, theirs);
  await logCommand(api.admin, theirs.id, plant.id);
  for (const id of [plant.id, randomUUID()]) {
    const { status, body } = await api.get(address({ id }, log), reader());
    expect([status, tradingError.parse(body).code]).toEqual([404, 'PLANT_NOT_FOUND']);
  }
  const malformed = await api.get(address({ id: 'roof' }, log), reader());
  expect([malformed.status, tradingError.parse(malformed.body).code]).toEqual([400, 'BAD_REQUEST']);
});
