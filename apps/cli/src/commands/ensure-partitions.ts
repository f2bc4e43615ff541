import type { StreamName } from '@quarterhour/contracts';
import { ensurePartitions } from '@quarterhour/db';
import { Command } from 'commander';
import { ingestDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { utcDay } from '../values.js';

/** The stream whose tables are partitioned by day. */
const PARTITIONED_STREAM: StreamName = 'plant-telemetry';

const DAY_MS = 86_400_000;
const DAYS_AHEAD = 7;
const MOST_DAYS = 800;

export function ensurePartitionsCommand(ctx: CommandContext): Command {
  return new Command('ensure')
    .description('make the partitions of telemetry for a span of UTC days; the ingest worker does so by itself')
    .option('--from <day>', 'first day (default: yesterday)', utcDay)
    .option('--to <day>', `last day, included (default: ${DAYS_AHEAD} days from now)`, utcDay)
    .addHelpText('after', '\nExample:\n  $ quarterhour partitions ensure --from 2026-01-01 --to 2026-01-31')
    .action(async (options: { from?: string; to?: string }) => {
      const now = ctx.clock.nowMillis();
      const days = daysBetween(options.from ?? dayOf(now - DAY_MS), options.to ?? dayOf(now + DAYS_AHEAD * DAY_MS));
      await withDatabase(ingestDatabaseUrl(ctx.settings()), (db) =>
        ensurePartitions(db, PARTITIONED_STREAM, days),
      ).catch((error: unknown) => {
        throw isOutsideWindow(error) ? outsideFailure(days, error) : error;
      });
      ctx.out.line(`${PARTITIONED_STREAM} has partitions from ${days[0] ?? ''} to ${days.at(-1) ?? ''}`);
    });
}

/** UTC days from the first to the last, both included. */
export function daysBetween(first: string, last: string): string[] {
  const start = Date.parse(first);
  const count = (Date.parse(last) - start) / DAY_MS + 1;
  if (count < 1) throw new CommandFailure(`${last} is before ${first}`, { remedy: 'Exchange --from and --to.' });
  if (count > MOST_DAYS)
    throw new CommandFailure(`${count} days are too many at once`, { remedy: `Ask for ${MOST_DAYS} at most.` });
  return Array.from({ length: count }, (_, offset) => dayOf(start + offset * DAY_MS));
}

function dayOf(epochMillis: number): string {
  return new Date(epochMillis).toISOString().slice(0, 10);
}

function isOutsideWindow(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22023';
}

function outsideFailure(days: readonly string[], cause: unknown): CommandFailure {
  return new CommandFailure(`a day between ${days[0] ?? ''} and ${days.at(-1) ?? ''} is outside the stream's window`, {
    remedy: `Days up to 13 months back and ${DAYS_AHEAD} days ahead can be had; nothing was made.`,
    cause,
  });
}
