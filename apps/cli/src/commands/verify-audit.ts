import { AUDIT_START, checkAuditStretch, NO_ORGANISATION, type AuditMark, type Database } from '@quarterhour/db';
import { Command } from 'commander';
import { controlDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { everyOrganisation, organisationsNamed } from '../organisations.js';
import { slug } from '../values.js';

/** Entries that are looked at in one statement. */
const STRETCH = 20_000;
const NOBODY = { id: NO_ORGANISATION, slug: '(nobody)' };

export function verifyAuditCommand(ctx: CommandContext): Command {
  return new Command('verify')
    .description('compute the hash chains of the audit entries anew; ends with status 1 when one is broken')
    .option('--organisation <slug>', 'only this organisation; default: all, and what belongs to nobody', slug)
    .addHelpText(
      'after',
      `
A chain is broken where an entry was changed, taken out, put in or put elsewhere, and where its end is missing.

Example:
  $ quarterhour audit verify --organisation windhof`,
    )
    .action(async ({ organisation }: { organisation?: string }) => {
      const named = organisationsNamed(await everyOrganisation(ctx.settings()), organisation);
      const owners = organisation === undefined ? [...named, NOBODY] : named;
      const broken: string[] = [];
      await withDatabase(controlDatabaseUrl(ctx.settings()), async (db) => {
        for (const owner of owners) {
          const { first, checked } = await firstBroken(ctx, db, owner);
          ctx.out.line(
            first === null ? `${owner.slug}: ${checked} entries, whole` : `${owner.slug}: broken at ${first}`,
          );
          if (first !== null) broken.push(owner.slug);
        }
      });
      if (broken.length > 0) {
        throw new CommandFailure(`${broken.length} of ${owners.length} audit chains are broken`, {
          remedy: 'Keep the database as it is, and compare the entry and its neighbours with a backup.',
        });
      }
    });
}

/** @returns number of the first entry that does not fit, and how many were looked at */
async function firstBroken(ctx: CommandContext, db: Database, owner: { readonly id: string; readonly slug: string }) {
  let checked = 0;
  for (let from: AuditMark | null = AUDIT_START; from !== null;) {
    const start: AuditMark = from;
    const stretch = await db.read([owner.id], (trx) => checkAuditStretch(trx, owner.id, start, STRETCH));
    checked += stretch.checked;
    if (stretch.firstBroken !== null) return { first: stretch.firstBroken, checked };
    if (stretch.next !== null) ctx.out.remark(`${owner.slug}: ${checked} entries so far`);
    from = stretch.next;
  }
  return { first: null, checked };
}
