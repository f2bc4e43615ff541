import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listAuditResponse, ownProblem, type AuditEntryOutput } from '@quarterhour/contracts';
import { NO_ORGANISATION, openDatabase, recordAudit, type Database, type OrganisationRow } from '@quarterhour/db';
import { anOrganisation, type TokenClaims } from '@quarterhour/testkit';
import { openTestApi } from './api.js';
import type { TestApi } from './api.js';

const AUDIT = '/quarterhour/v1/audit';

let api: TestApi;
let control: Database;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  api = await openTestApi();
  control = openDatabase({ url: api.controlUrl, applicationName: 'test', maxConnections: 1 });
  ours = await anOrganisation(api.admin);
  theirs = await anOrganisation(api.admin);
  for (let n = 1; n <= 6; n += 1) {
    await write(ours.id, {
      actor: n % 2 === 0 ? 'tom' : '=cmd',
      action: n > 4 ? 'trading.enable' : 'quarantine.replay',
    });
    await write(theirs.id, { actor: 'tim' });
  }
  await write(NO_ORGANISATION, { actor: 'ada' });
}, 60_000);
afterAll(async () => {
  await control.close();
  await api.close();
});

function write(orgId: string, { actor, action = 'quarantine.discard' }: { actor: string; action?: string }) {
  const entry = { orgId, actor, action, subject: 'a thing', detail: { because: 'a test' } };
  return control.transaction([orgId], (trx) => recordAudit(trx, [entry]));
}

const auditor = (...orgs: string[]): TokenClaims => ({ orgs, roles: ['auditor'] });
async function entriesOf(search = '', claims = auditor(ours.id)): Promise<readonly AuditEntryOutput[]> {
  const { status, body } = await api.get(`${AUDIT}${search}`, claims);
  expect([status, body]).toEqual([200, expect.anything()]);
  return listAuditResponse.parse(body).entries;
}

test('shows who did what, newest first, each with the hash of the one before', async () => {
  const entries = await entriesOf();
  expect(entries.map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(entries[0]).toMatchObject({
    organisation_id: ours.id,
    actor: 'tom',
    action: 'trading.enable',
    subject: 'a thing',
    detail: { because: 'a test' },
  });
  for (const [index, { previous_sha256: previous }] of entries.entries()) {
    expect(previous).toBe(entries[index + 1]?.sha256 ?? '0'.repeat(64));
  }
});

test('can be narrowed by actor, action and time', async () => {
  expect((await entriesOf('?actor=tom')).map(({ seq }) => seq)).toEqual([6, 4, 2]);
  expect((await entriesOf('?action=trading.enable')).map(({ seq }) => seq)).toEqual([6, 5]);
  expect((await entriesOf('?action=trading.enable,quarantine.replay&actor=tom')).map(({ seq }) => seq)).toEqual([
    6, 4, 2,
  ]);
  const [, , fourth] = await entriesOf();
  const at = fourth?.at ?? '';
  expect((await entriesOf(`?from=${at}`)).map(({ seq }) => seq)).toEqual([6, 5, 4]);
  expect((await entriesOf(`?to=${at}`)).map(({ seq }) => seq)).toEqual([3, 2, 1]);
});

test('goes on page by page over several organisations, without a gap or a copy', async () => {
  const seen: string[] = [];
  let next: string | undefined = `${AUDIT}?limit=5`;
  while (next !== undefined) {
    const response = await api.get(next, auditor(ours.id, theirs.id));
    const page = listAuditResponse.parse(response.body);
    seen.push(...page.entries.map(({ organisation_id: owner, seq }) => `${owner} ${seq}`));
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers['link'] ?? '')?.[1];
  }
  expect(seen).toHaveLength(12);
  expect(new Set(seen).size).toBe(12);
});

test('tells nothing of others, and of what belongs to nobody admins only', async () => {
  expect((await entriesOf()).map(({ organisation_id: owner }) => owner)).not.toContain(theirs.id);
  const all = await entriesOf('?limit=1000', { orgs: [ours.id], roles: ['admin'] });
  expect(all.map(({ organisation_id: owner }) => owner)).toContain(null);
  const { status } = await api.get(AUDIT, { orgs: [ours.id], roles: ['partner'] });
  expect(status).toBe(403);
});

test('can be taken home, with what a spreadsheet would run made harmless', async () => {
  const csv = await api.get(`${AUDIT}?actor=%3Dcmd`, auditor(ours.id), { accept: 'text/csv' });
  const [header, ...lines] = csv.text.trim().split('\n');
  expect(header).toContain('organisation_id,seq,at,actor,action,subject,detail,previous_sha256,sha256,cursor');
  expect(lines).toHaveLength(3);
  expect(csv.text).toContain("'=cmd");
  const ndjson = await api.get(`${AUDIT}?limit=2`, auditor(ours.id), { accept: 'application/x-ndjson' });
  expect(ndjson.text.trim().split('\n')).toHaveLength(2);
});

test.each(['?actor=', '?action=Drop', '?from=yesterday', '?limit=0', '?limit=1001', '?cursor=x'])(
  'refuses %s',
  async (search) => {
    const { status, body } = await api.get(`${AUDIT}${search}`, auditor(ours.id));
    expect([status, ownProblem.parse(body).code]).toEqual([400, 'VALIDATION_ERROR']);
  },
);
