import { esmPlant } from '@quarterhour/contracts';
import {
  againAfterDeadlock,
  linkPlant,
  listOrganisations,
  listPlants,
  listSyncsDue,
  recordAudit,
  recordSync,
  type Database,
  type PlantRow,
  type Trx,
} from '@quarterhour/db';
import { sleep, type Clock, type Logger } from '@quarterhour/runtime';
import { turn } from '../jobs.js';
import { openEsmAccess, type AccessContext } from './access.js';
import type { EsmClient } from './client.js';
import { EsmError } from './esm-error.js';

/** What synchronising plants takes. */
export interface SyncContext extends AccessContext {
  readonly client: Pick<EsmClient, 'listPlants'>;
  /** A pool of its own for locks, which are held while an ESM is asked. */
  readonly locks: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** How many plants of a list are plants of ours, and how many are not. */
export interface SyncOutcome {
  readonly synced: number;
  readonly errors: number;
}

/** Nobody waits longer than this for a synchronisation that somebody else is at. */
const TURN_WITHIN_MS = 10_000;
const RETRY_MS = 250;
/** Organisations that are asked at the same time. */
const AT_ONCE = 3;

/**
 * Asks an organisation's ESM for its plants and links ours to them.
 *
 * @returns null when the organisation has no ESM, `busy` when somebody else is at it for too long
 * @throws EsmError when the ESM is out of reach or talks nonsense; that is kept as well
 */
export async function syncPlants(ctx: SyncContext, orgId: string, by: string): Promise<SyncOutcome | null | 'busy'> {
  const deadline = ctx.clock.monotonicMillis() + TURN_WITHIN_MS;
  for (;;) {
    const had = await turn(ctx.locks, `esm-sync ${orgId}`, () => syncAlone(ctx, orgId, by));
    if (had !== null) return had.done;
    if (ctx.stopping.aborted || ctx.clock.monotonicMillis() >= deadline) return 'busy';
    await sleep(RETRY_MS, ctx.stopping);
  }
}

async function syncAlone(ctx: SyncContext, orgId: string, by: string): Promise<SyncOutcome | null> {
  const access = await openEsmAccess(ctx, orgId);
  if (access === null) return null;
  try {
    return await takeOver(ctx, { orgId, by, listed: await ctx.client.listPlants(access) });
  } catch (error) {
    if (!(error instanceof EsmError)) throw error;
    ctx.log.warn({ err: error, organisation: orgId }, 'the plants of an ESM could not be read');
    await ctx.db.transaction([orgId], (trx) => recordSync(trx, orgId, error.code));
    throw error;
  }
}

async function takeOver(
  { db }: Pick<SyncContext, 'db'>,
  { orgId, by, listed }: { readonly orgId: string; readonly by: string; readonly listed: readonly unknown[] },
): Promise<SyncOutcome> {
  const plants = (await db.read([orgId], listPlants)).filter((plant) => plant.orgId === orgId);
  const { links, troubles } = matched(plants, listed);
  for (let from = 0; from < links.length; from += LINKS_AT_ONCE) {
    const some = links.slice(from, from + LINKS_AT_ONCE);
    const failed = await againAfterDeadlock(() =>
      db.transaction([orgId], (trx) => link(trx, { orgId, by, links: some })),
    );
    troubles.push(...failed);
  }
  await db.transaction([orgId], (trx) => recordSync(trx, orgId, sentenceOf(troubles)));
  return { synced: listed.length - troubles.length, errors: troubles.length };
}

/** Until it ends, a transaction that links keeps everybody else from changing the register. */
const LINKS_AT_ONCE = 100;

/** @returns what went wrong */
async function link(
  trx: Trx,
  { orgId, by, links }: { readonly orgId: string; readonly by: string } & Pick<Matches, 'links'>,
): Promise<string[]> {
  const troubles: string[] = [];
  for (const { plant, externalPlantId } of links) {
    if (!(await linkPlant(trx, { orgId, plantId: plant.id, externalPlantId }))) {
      troubles.push(`${externalPlantId}: another plant has this id`);
      continue;
    }
    const detail = { external_plant_id: externalPlantId, name: plant.name };
    await recordAudit(trx, [{ orgId, actor: by, action: 'plant.link', subject: plant.id, detail }]);
  }
  return troubles;
}

/** What a list comes to, where it is not as it was. */
interface Matches {
  readonly links: readonly { readonly plant: PlantRow; readonly externalPlantId: string }[];
  /** One for each plant of the list that is none of ours. */
  readonly troubles: string[];
}

/**
 * Which plants of a list are plants of ours: those whose id ours have; and, of those without a link, those that have the
 * same name as one of the list, where both names are the only ones. Nothing is registered, and no link is changed.
 */
export function matched(plants: readonly PlantRow[], listed: readonly unknown[]): Matches {
  const linked = new Set(plants.flatMap(({ externalPlantId }) => externalPlantId ?? []));
  const unlinked = onlyOnes(plants.filter(({ externalPlantId }) => externalPlantId === null));
  const read = listed.map((item) => esmPlant.safeParse(item));
  const named = onlyOnes(read.flatMap(({ data }) => (data?.name == null ? [] : { name: data.name })));
  const seen = new Set<string>();
  const links: { plant: PlantRow; externalPlantId: string }[] = [];
  const troubles: string[] = [];
  for (const [index, { data }] of read.entries()) {
    if (data === undefined) {
      troubles.push(`no. ${index + 1}: not a plant`);
      continue;
    }
    const { externalPlantId, name } = data;
    if (seen.has(externalPlantId)) {
      troubles.push(`${externalPlantId}: listed twice`);
      continue;
    }
    seen.add(externalPlantId);
    if (linked.has(externalPlantId)) continue;
    const plant = name == null || !named.has(name) ? undefined : unlinked.get(name);
    if (plant === undefined) troubles.push(`${externalPlantId}: not registered here`);
    else links.push({ plant, externalPlantId });
  }
  return { links, troubles };
}

/** By name, those whose name no other has. */
function onlyOnes<T extends { readonly name: string }>(things: readonly T[]): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  const several = new Set<string>();
  for (const thing of things) {
    if (found.has(thing.name)) several.add(thing.name);
    found.set(thing.name, thing);
  }
  for (const name of several) found.delete(name);
  return found;
}

const MOST_NAMED = 10;

function sentenceOf(troubles: readonly string[]): string | null {
  if (troubles.length === 0) return null;
  const more = troubles.length > MOST_NAMED ? `; and ${troubles.length - MOST_NAMED} more` : '';
  return `${troubles.slice(0, MOST_NAMED).join('; ')}${more}`;
}

/** Synchronises every organisation whose turn it is. @throws what is our fault, when every organisation had its turn */
export async function syncWhoIsDue(ctx: SyncContext, { everyMs }: { readonly everyMs: number }): Promise<void> {
  const everybody = (await ctx.db.read([], listOrganisations)).map(({ id }) => id);
  const due = await ctx.db.read(everybody, (trx) => listSyncsDue(trx, { everyMs }));
  const failures: unknown[] = [];
  const next = async (): Promise<void> => {
    for (let orgId = due.shift(); orgId !== undefined && !ctx.stopping.aborted; orgId = due.shift()) {
      await syncPlants(ctx, orgId, ACTOR).catch((error: unknown) => {
        if (!(error instanceof EsmError)) failures.push(error);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  if (failures.length > 0) throw failures[0];
}

/** Who does what nobody asks for. */
const ACTOR = 'control-api';
