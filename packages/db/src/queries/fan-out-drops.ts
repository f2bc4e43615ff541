import { plainArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** How many telemetry events a key was not told of. */
export interface FanOutDrops {
  readonly keyId: string;
  readonly count: number;
}

const ADD = `
  insert into app.fan_out_drop (org_id, key_id, dropped, last_at)
  select $1::uuid, key_id, n, clock_timestamp() from unnest($2::uuid[], $3::int8[]) as d (key_id, n) order by key_id
  on conflict (org_id, key_id) do update
    set dropped = app.fan_out_drop.dropped + excluded.dropped, last_at = excluded.last_at`;

/** Adds to what keys of one organisation were not told of, each named once, with one or more. */
export async function addFanOutDrops(trx: Trx, orgId: string, keys: readonly FanOutDrops[]): Promise<void> {
  await trx.query(
    prepared(ADD, [orgId, plainArray(keys.map(({ keyId }) => keyId)), plainArray(keys.map(({ count }) => count))]),
  );
}
