import { listPartitions } from '@quarterhour/db';
import { Command } from 'commander';
import { ingestDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { printableJson, table } from '../printing.js';

export function listPartitionsCommand(ctx: CommandContext): Command {
  return new Command('list')
    .description('list the partitions, one per table and UTC day, with their size on disk')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ quarterhour partitions list')
    .action(async ({ json }: { json?: boolean }) => {
      const partitions = await withDatabase(ingestDatabaseUrl(ctx.settings()), listPartitions);
      if (json === true) return ctx.out.line(printableJson(partitions));
      const rows = partitions.map(({ stream, day, table: name, bytes }) => [
        stream,
        day,
        name,
        `${Math.ceil(Number(bytes) / 1024)} kB`,
      ]);
      for (const line of table(['STREAM', 'DAY', 'TABLE', 'SIZE'], rows)) ctx.out.line(line);
    });
}
