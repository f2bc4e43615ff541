import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { tradingError } from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import { anOrganisation, aPlant } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

let api: TestApi;
let ours: OrganisationRow;
let theirs: OrganisationRow;
let plant: PlantRow;
beforeAll(async () => {
  api = await openTestApi();
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  plant = await aPlant(api.admin, ours);
}, 60_000);
afterAll(() => api.close());

const trader = (...more: OrganisationRow[]) => ({ orgs: [ours, ...more].map(({ id }) => id), roles: ['trader'] });
const base = '/api/v1/trading/plants';
const block = { from: '00:00', to: '06:00', pBatMin: -10, pBatMax: 10, socMin: 20, socMax: 95 };
const operations = [
  ['get', 'config', undefined],
  ['post', 'config', { timeConfigs: [block], validateOnly: true }],
  ['post', 'config/validate', { timeConfigs: [block] }],
] as const;
const refusal = async (asked: ReturnType<TestApi['send']>) => {
  const { status, body } = await asked;
  const { statusCode, code, details } = tradingError.parse(body);
  expect(statusCode).toBe(status);
  return { status, code, issues: details?.issues ?? [] };
};

describe('synchronising plants', () => {
  test('needs an ESM', async () => {
    const found = await refusal(api.send('post', `${base}/sync`, trader()));
    expect(found).toMatchObject({ status: 400, code: 'ESM_NOT_CONFIGURED' });
  });

  test('is done for one organisation, which has to be named among several', async () => {
    const found = await refusal(api.send('post', `${base}/sync`, trader(theirs)));
    expect(found).toMatchObject({ status: 403, code: 'ORG_CONTEXT_REQUIRED' });
    const named = await api.post(`${base}/sync`, {}, trader(theirs), { 'x-org-id': theirs.id });
    expect(tradingError.parse(named.body).code).toBe('ESM_NOT_CONFIGURED');
  });
});

describe.each(operations)('%s plants/{plantId}/%s', (method, path, body) => {
  const ask = (plantId: string, sent: object | undefined = body) =>
    refusal(api.send(method, `${base}/${plantId}/${path}`, trader(), sent));

  test('of a plant without a link to an ESM is a bad request', async () => {
    expect(await ask(plant.id)).toEqual({ status: 400, code: 'BAD_REQUEST', issues: [] });
  });

  test('of another’s plant is that of no plant', async () => {
    for (const id of [(await aPlant(api.admin, theirs)).id, randomUUID()]) {
      expect(await ask(id)).toMatchObject({ status: 404, code: 'PLANT_NOT_FOUND' });
    }
  });

  test('of what is no id is a bad request', async () => {
    const { status, code, issues } = await ask('roof');
    expect([status, code]).toEqual([400, 'BAD_REQUEST']);
    expect(issues[0]).toMatch(/^path\.plantId: /);
  });
});

describe.each(['config', 'config/validate'])('the body of post plants/{plantId}/%s', (path) => {
  const url = () => `${base}/${plant.id}/${path}`;

  test.each([
    ['nothing of a configuration', {}, 'body.timeConfigs'],
    ['97 blocks', { timeConfigs: Array.from({ length: 97 }, () => block) }, 'body.timeConfigs'],
    ['no time of day', { timeConfigs: [{ ...block, from: '24:00' }] }, 'body.timeConfigs.0.from'],
    ['a block that ends before it begins', { timeConfigs: [{ ...block, from: '07:00' }] }, 'body.timeConfigs.0.to'],
    ['blocks that overlap', { timeConfigs: [block, { ...block, from: '05:00' }] }, 'body.timeConfigs.1.from'],
    ['power the wrong way round', { timeConfigs: [{ ...block, pBatMin: 11 }] }, 'body.timeConfigs.0.pBatMax'],
    ['charge beyond full', { timeConfigs: [{ ...block, socMax: 101 }] }, 'body.timeConfigs.0.socMax'],
    ['validateOnly as a text', { timeConfigs: [], validateOnly: 'yes' }, 'body.validateOnly'],
  ])('is refused for %s, naming it, before the plant is looked for', async (_what, body, place) => {
    for (const address of [url(), url().replace(plant.id, randomUUID())]) {
      const { status, code, issues } = await refusal(api.send('post', address, trader(), body));
      expect([status, code]).toEqual([400, 'BAD_REQUEST']);
      expect(issues.filter((issue) => issue.startsWith(`${place}: `))).not.toEqual([]);
    }
  });

  test('that is no JSON is a bad request', async () => {
    const { status, body } = await request(api.app)
      .post(url())
      .set({ authorization: `Bearer ${await api.issuer.token(trader())}`, 'content-type': 'application/json' })
      .send('{"timeConfigs":');
    expect([status, tradingError.parse(body).code]).toEqual([400, 'BAD_REQUEST']);
  });
});
