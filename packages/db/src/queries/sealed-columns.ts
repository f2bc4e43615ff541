import { plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { identifier } from '../projection.js';
import { prepared } from '../statement.js';

/** A column whose values are sealed. */
export interface SealedColumn {
  /** With its schema. */
  readonly table: `app.${string}`;
  readonly column: string;
}

/** Every column whose values are sealed. The rows of each are known by `org_id` and `id`; a value may be null. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'app.api_key', column: 'signing_key' },
  { table: 'app.trading_config', column: 'esm_client_secret' },
];

/** Where a value is sealed: it opens there and nowhere else. */
export interface SealedValuePlace extends SealedColumn {
  readonly orgId: string;
  readonly rowId: string;
}

/** Where the signing key of an API key is sealed. */
export function signingKeyPlace(orgId: string, keyId: string): SealedValuePlace {
  return { table: 'app.api_key', column: 'signing_key', orgId, rowId: keyId };
}

/** A sealed value in its place. */
export interface SealedValue {
  readonly place: SealedValuePlace;
  readonly sealed: string;
}

/**
 * Some values of one organisation that are sealed with another key of the ring than one, in the order of their rows.
 *
 * @param keyId of the key that they are not sealed with
 * @param afterRow starts after this row, at the first one without
 * @param limit most values
 */
export async function listSealedOtherwise(
  trx: Trx,
  sealed: SealedColumn,
  { keyId, afterRow, limit }: { readonly keyId: string; readonly afterRow?: string; readonly limit: number },
): Promise<SealedValue[]> {
  const { table, column } = namesOf(sealed);
  const text = `
    select t.org_id as "orgId", t.id as "rowId", t.${column} as sealed from ${table} t
     where split_part(t.${column}, '.', 2) <> $1 and ($2::uuid is null or t.id > $2::uuid)
     order by t.id limit $3::int8`;
  const values = [keyId, afterRow ?? null, limit];
  const rows = await trx.query<{ orgId: string; rowId: string; sealed: string }>(prepared(text, values));
  return rows.map(({ orgId, rowId, sealed: value }) => ({ place: { ...sealed, orgId, rowId }, sealed: value }));
}

/** A value that is sealed anew. */
export interface Resealed extends SealedValue {
  readonly resealed: string;
}

/**
 * Replaces values of one column by themselves, sealed anew. One that was changed meanwhile stays as it is.
 *
 * @returns how many were replaced
 */
export async function replaceSealed(trx: Trx, sealed: SealedColumn, values: readonly Resealed[]): Promise<number> {
  const { table, column } = namesOf(sealed);
  const text = `
    update ${table} t set ${column} = o.resealed
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as o (org_id, id, sealed, resealed)
     where t.org_id = o.org_id and t.id = o.id and t.${column} = o.sealed
    returning 1 as replaced`;
  const replaced = await trx.query(
    prepared(text, [
      plainArray(values.map(({ place }) => place.orgId)),
      plainArray(values.map(({ place }) => place.rowId)),
      textArray(values.map((value) => value.sealed)),
      textArray(values.map(({ resealed }) => resealed)),
    ]),
  );
  return replaced.length;
}

/** How many values of the organisations in scope are sealed with each key of the ring. */
export async function countSealed(trx: Trx): Promise<ReadonlyMap<string, number>> {
  const each = SEALED_COLUMNS.map(namesOf).map(({ table, column }) => `select ${column} as sealed from ${table}`);
  const text = `
    select split_part(s.sealed, '.', 2) as "keyId", count(*)::int as n from (${each.join(' union all ')}) s
     where s.sealed is not null group by 1 order by 1`;
  const rows = await trx.query<{ keyId: string; n: number }>(prepared(text, []));
  return new Map(rows.map(({ keyId, n }) => [keyId, n]));
}

function namesOf({ table, column }: SealedColumn): { readonly table: string; readonly column: string } {
  return { table: `app.${identifier(table.slice('app.'.length))}`, column: identifier(column) };
}
