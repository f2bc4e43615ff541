import { userInfo } from 'node:os';
import { listOrganisations, loadRegister, type Database, type OrganisationRow } from '@quarterhour/db';
import { Register, type ReplayContext } from '@quarterhour/ingestion';
import type { CommandContext } from './context.js';
import { everything, organisationBySlug } from './organisations.js';

/** Deliveries of one transaction. */
export const CHUNK = 100;

/** A decision from the command line on what one organisation owns, or on everything. Asks as the control role. */
export async function decisionOf(
  ctx: CommandContext,
  db: Database,
  { organisation }: { readonly organisation?: string },
): Promise<ReplayContext> {
  const organisations = await db.read([], listOrganisations);
  return {
    db,
    register: new Register(await loadRegister(db)),
    nowMillis: ctx.clock.nowMillis(),
    organisations: scopeOf(organisations, organisation),
    by: whoCommands(),
  };
}

function scopeOf(organisations: readonly OrganisationRow[], slug: string | undefined): string[] {
  return slug === undefined ? everything(organisations) : [organisationBySlug(organisations, slug).id];
}

/** Whose command it is, for the record. */
export function whoCommands(): string {
  return `${userName()}, by command`;
}

/** A container may run as a user without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody';
  }
}

/** Decides chunk by chunk, each delivery named once, in the order of the ids: that of arrival. */
export function chunksOf(ids: readonly string[]): string[][] {
  const inOrder = [...new Set(ids)].sort();
  return Array.from({ length: Math.ceil(inOrder.length / CHUNK) }, (_, n) => inOrder.slice(n * CHUNK, (n + 1) * CHUNK));
}

/** Ids that nothing was answered about. */
export function unanswered(ids: readonly string[], results: readonly { readonly id: string }[]): string[] {
  const known = new Set(results.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => !known.has(id));
}
