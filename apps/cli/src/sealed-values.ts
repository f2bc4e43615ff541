import {
  againAfterDeadlock,
  countSealed,
  listOrganisations,
  listSealedOtherwise,
  replaceSealed,
  SEALED_COLUMNS,
  type Database,
  type Resealed,
  type SealedColumn,
  type SealedValue,
  type SealedValuePlace,
} from '@quarterhour/db';
import { SealedValueError, type KeyRing } from '@quarterhour/runtime';

/** How many values are sealed with each key, of all organisations. */
export async function sealedByKey(db: Database): Promise<ReadonlyMap<string, number>> {
  const organisations = await db.read([], listOrganisations);
  return db.read(
    organisations.map(({ id }) => id),
    countSealed,
  );
}

/** What {@link resealAll} did. */
export interface ResealReport {
  readonly resealed: number;
  /** Values that no key of the ring opens in their place; they are as they were. */
  readonly unopened: readonly SealedValuePlace[];
}

/**
 * Puts every sealed value of every organisation under the newest key of the ring, some at a time: each transaction is
 * whole, so that whoever goes on after a crash finds what is left. Values that are sealed or changed meanwhile stay.
 *
 * @param batch most values of one transaction
 */
export async function resealAll(db: Database, ring: KeyRing, batch: number): Promise<ResealReport> {
  const unopened: SealedValuePlace[] = [];
  let resealed = 0;
  for (const { id: orgId } of await db.read([], listOrganisations)) {
    for (const column of SEALED_COLUMNS) {
      for (let values = await next(db, { orgId, column, ring, batch }); values.length > 0;) {
        resealed += await resealSome(db, { orgId, column, values: openable(ring, values, unopened) });
        const afterRow = values.at(-1)?.place.rowId ?? '';
        values = await next(db, { orgId, column, ring, batch, afterRow });
      }
    }
  }
  return { resealed, unopened };
}

interface Search {
  readonly orgId: string;
  readonly column: SealedColumn;
  readonly ring: KeyRing;
  readonly batch: number;
  readonly afterRow?: string;
}

function next(db: Database, { orgId, column, ring, batch: limit, ...from }: Search): Promise<SealedValue[]> {
  return db.read([orgId], (trx) => listSealedOtherwise(trx, column, { keyId: ring.newestKeyId(), limit, ...from }));
}

/** One broken value does not keep the others from being sealed anew. */
function openable(ring: KeyRing, values: readonly SealedValue[], unopened: SealedValuePlace[]): Resealed[] {
  return values.flatMap((value) => {
    try {
      return [{ ...value, resealed: ring.rewrap(value.sealed, value.place) }];
    } catch (error) {
      if (!(error instanceof SealedValueError)) throw error;
      unopened.push(value.place);
      return [];
    }
  });
}

interface Some {
  readonly orgId: string;
  readonly column: SealedColumn;
  readonly values: readonly Resealed[];
}

async function resealSome(db: Database, { orgId, column, values }: Some): Promise<number> {
  if (values.length === 0) return 0;
  return againAfterDeadlock(() => db.transaction([orgId], (trx) => replaceSealed(trx, column, values)));
}
