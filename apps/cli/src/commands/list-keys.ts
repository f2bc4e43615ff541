import { readRingKeys } from '@quarterhour/runtime';
import { Command } from 'commander';
import { controlDatabaseUrl, keyRingFile } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { printableJson, table } from '../printing.js';
import { sealedByKey } from '../sealed-values.js';

export function listKeysCommand(ctx: CommandContext): Command {
  return new Command('list')
    .description('list the keys of the ring, and how many secrets in the database each of them has sealed')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ quarterhour keys list')
    .action(async ({ json }: { json?: boolean }) => {
      const settings = ctx.settings();
      const { newest, keys } = readRingKeys(keyRingFile(settings));
      const counts = await withDatabase(controlDatabaseUrl(settings), sealedByKey);
      const listed = [...new Set([...keys.keys(), ...counts.keys()])].map((id) => ({
        id,
        inRing: keys.has(id),
        isNewest: id === newest,
        secrets: counts.get(id) ?? 0,
      }));
      if (json === true) return ctx.out.line(printableJson(listed));
      const rows = listed.map(({ id, inRing, isNewest, secrets }) => [
        id,
        isNewest ? 'newest' : inRing ? 'older' : 'missing',
        String(secrets),
      ]);
      for (const line of table(['KEY', 'IN THE RING', 'SECRETS'], rows)) ctx.out.line(line);
    });
}
