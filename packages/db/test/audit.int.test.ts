import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  AUDIT_START,
  checkAuditStretch,
  firstBrokenAudit,
  NO_ORGANISATION,
  recordAudit,
  type AuditEntry,
  type AuditMark,
  type Database,
} from '@quarterhour/db';
import { connect, query } from './fixtures.js';

let server: TestDatabase;
let control: Database;
let read: Database;
let orgId: string;

beforeAll(async () => {
  server = await testDatabase();
  control = connect(server.controlUrl, 8);
  read = connect(server.readUrl);
});

beforeEach(async () => {
  orgId = (await anOrganisation(server.admin)).id;
});

afterAll(async () => {
  await control.close();
  await read.close();
  await server.drop();
});

const anEntry = (different: Partial<AuditEntry> = {}): AuditEntry => ({
  orgId,
  actor: 'operator',
  action: 'quarantine.replay',
  subject: randomUUID(),
  detail: { replayed_as: 'stored' },
  ...different,
});
const write = (...entries: AuditEntry[]): Promise<void> =>
  control.transaction([orgId, NO_ORGANISATION], (trx) => recordAudit(trx, entries));
/** In one statement and stretch by stretch, which must be the same. */
async function firstBroken(owner = orgId): Promise<number | null> {
  const first = await read.read([owner], (trx) => firstBrokenAudit(trx, owner));
  for (const most of [1, 2, 1_000]) expect([most, await firstBrokenInStretches(owner, most)]).toEqual([most, first]);
  return first;
}

async function firstBrokenInStretches(owner: string, most: number): Promise<number | null> {
  for (let from: AuditMark | null = AUDIT_START; from !== null;) {
    const start: AuditMark = from;
    const stretch = await read.read([owner], (trx) => checkAuditStretch(trx, owner, start, most));
    if (stretch.firstBroken !== null) return stretch.firstBroken;
    from = stretch.next;
  }
  return null;
}

/** What only somebody with all rights on the server can do: behind the back of the trigger. */
const tamper = (text: string, ...values: unknown[]): Promise<unknown> =>
  server.admin.transaction([], async (trx) => {
    await trx.query(query(`set local session_replication_role = replica`));
    return trx.query(query(text, values));
  });

describe('the audit trail', () => {
  test('numbers what a hundred write at once without gap or fork, each organisation by itself', async () => {
    const other = (await anOrganisation(server.admin)).id;
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        control.transaction([orgId, other], (trx) =>
          recordAudit(trx, n % 4 === 0 ? [anEntry(), anEntry({ orgId: other })] : [anEntry()]),
        ),
      ),
    );
    const numbers = await read.read([orgId, other], (trx) =>
      trx.query<{ org_id: string; n: number; last: number; links: number }>(
        query(
          `select org_id, count(*)::int as n, max(seq)::int as last, count(distinct previous_sha256)::int as links
             from app.audit group by 1`,
        ),
      ),
    );
    expect(numbers.toSorted((left, right) => right.n - left.n)).toEqual([
      { org_id: orgId, n: 100, last: 100, links: 100 },
      { org_id: other, n: 25, last: 25, links: 25 },
    ]);
    expect([await firstBroken(), await firstBroken(other)]).toEqual([null, null]);
  });

  test('is whole when it is empty, and for what belongs to nobody', async () => {
    expect(await firstBroken()).toBeNull();
    await write(anEntry({ orgId: NO_ORGANISATION }));
    expect(await firstBroken(NO_ORGANISATION)).toBeNull();
  });

  test('is written with what it tells of, or not at all', async () => {
    const failing = control.transaction([orgId], async (trx) => {
      await recordAudit(trx, [anEntry()]);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await write(anEntry());
    const seqs = await read.read([orgId], (trx) => trx.query(query('select seq::int as seq from app.audit')));
    expect(seqs).toEqual([{ seq: 1 }]);
  });

  test.each([
    ['who did it', `actor = 'somebody else'`],
    ['what was done', `action = 'quarantine.discard'`],
    ['to what', `subject = 'x'`],
    ['how', `detail = '{"replayed_as": "duplicate"}'`],
    ['a member more', `detail = detail || '{"note": 1}'`],
    ['when', `at = at + interval '1 microsecond'`],
    ['its hash', `sha256 = sha256('x')`],
    ['the hash before', `previous_sha256 = sha256('x')`],
    ['its number', 'seq = 17'],
    [
      'its hash, made to fit',
      `actor = 'x', sha256 = app.audit_sha256(previous_sha256, org_id, seq, at, 'x', action, subject, detail)`,
    ],
  ])('shows an entry that was changed: %s', async (_case, change) => {
    for (let n = 0; n < 5; n += 1) await write(anEntry());
    await tamper(`update app.audit set ${change} where org_id = $1 and seq = 3`, orgId);
    expect([3, 4]).toContain(await firstBroken());
  });

  test('shows the last entry changed with its hash made to fit', async () => {
    for (let n = 0; n < 3; n += 1) await write(anEntry());
    await tamper(
      `update app.audit set actor = 'x',
         sha256 = app.audit_sha256(previous_sha256, org_id, seq, at, 'x', action, subject, detail)
        where org_id = $1 and seq = 3`,
      orgId,
    );
    expect(await firstBroken()).toBe(3);
  });

  test('shows an entry that was put behind the last one, however well it fits', async () => {
    await write(anEntry());
    await tamper(
      `insert into app.audit select org_id, 2, at, actor, action, subject, detail, sha256,
         app.audit_sha256(sha256, org_id, 2, at, actor, action, subject, detail) from app.audit where org_id = $1`,
      orgId,
    );
    expect(await firstBroken()).toBe(2);
  });

  test('shows an entry that was given to another organisation', async () => {
    const other = (await anOrganisation(server.admin)).id;
    for (let n = 0; n < 3; n += 1) await write(anEntry());
    await tamper('update app.audit set org_id = $2 where org_id = $1 and seq = 2', orgId, other);
    expect(await firstBroken()).toBe(3);
    expect(await firstBroken(other)).toBe(2);
  });

  test.each([
    ['the first', 'seq = 1', 2],
    ['one in between', 'seq = 2', 3],
    ['the last', 'seq = 4', 4],
    ['the last two', 'seq >= 3', 3],
    ['all', 'true', 1],
  ])('shows that entries are missing: %s', async (_case, which, first) => {
    for (let n = 0; n < 4; n += 1) await write(anEntry());
    await tamper(`delete from app.audit where org_id = $1 and ${which}`, orgId);
    expect(await firstBroken()).toBe(first);
  });

  test('cannot be changed, shortened or emptied by any role of ours, nor by the owner', async () => {
    await write(anEntry());
    const roles = [connect(server.ingestUrl, 1), control, read, connect(server.usageUrl, 1), server.admin];
    for (const db of roles) {
      for (const text of [
        `update app.audit set actor = 'x'`,
        'delete from app.audit',
        'truncate app.audit',
        `insert into app.audit select * from app.audit on conflict (org_id, seq) do update set actor = 'x'`,
      ]) {
        const attempt = db.transaction([orgId], (trx) => trx.query(query(text)));
        await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|25006)$/) });
      }
    }
    await roles[0]?.close();
    await roles[3]?.close();
    expect(await firstBroken()).toBeNull();
  });

  test('takes whatever text somebody is called by', async () => {
    await write(
      anEntry({ actor: 'a\u0000b\ud800"\\', subject: '=cmd', detail: { note: 'x\u0000', deep: [1.5, null] } }),
    );
    await write(anEntry());
    expect(await firstBroken()).toBeNull();
  });
});
