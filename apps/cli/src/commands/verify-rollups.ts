import { findWrongRollups } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { Command } from 'commander';
import { ingestDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { everyOrganisation, everything } from '../organisations.js';
import { table } from '../printing.js';
import { utcDay } from '../values.js';

const DAY_MS = 86_400_000;

export function verifyRollupsCommand(ctx: CommandContext): Command {
  return new Command('verify')
    .description('compute the rollups of some UTC days anew and compare; ends with status 1 when one differs')
    .requiredOption('--from <day>', 'first day, for example 2026-01-15', utcDay)
    .option('--to <day>', 'last day; default: the first', utcDay)
    .addHelpText('after', '\nExample:\n  $ quarterhour rollups verify --from 2026-01-01 --to 2026-01-31')
    .action(async ({ from, to = from }: { from: string; to?: string }) => {
      const url = ingestDatabaseUrl(ctx.settings());
      const organisations = everything(await everyOrganisation(ctx.settings()));
      let wrong = 0;
      for (const day of daysBetween(from, to)) {
        const span = { from: parseInstant(`${day}T00:00:00Z`), to: parseInstant(`${dayAfter(day)}T00:00:00Z`) };
        const found = await withDatabase(url, (db) => db.read(organisations, (trx) => findWrongRollups(trx, span)));
        ctx.out.remark(`${day}: ${found.length === 0 ? 'equal' : `${found.length} differ`}`);
        const rows = found.map(({ span: length, startsAt, plantId, fault }) => [length, startsAt, plantId, fault]);
        if (rows.length > 0)
          for (const line of table(['SPAN', 'STARTS AT', 'PLANT', 'FAULT'], rows)) ctx.out.line(line);
        wrong += found.length;
      }
      if (wrong > 0) {
        throw new CommandFailure(`${wrong} rollups are not what a recompute gives`, {
          remedy: 'Those of the last seconds are brought up to date by the worker: is it running? Then look again.',
        });
      }
    });
}

function daysBetween(first: string, last: string): string[] {
  const days: string[] = [];
  for (let day = first; day <= last; day = dayAfter(day)) days.push(day);
  return days;
}

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}
