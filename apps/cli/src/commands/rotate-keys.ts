import { openKeyRing } from '@quarterhour/runtime';
import { Command } from 'commander';
import { controlDatabaseUrl, keyRingFile } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { resealAll, sealedByKey } from '../sealed-values.js';
import { wholeNumber } from '../values.js';

const BATCH = 100;
const MOST_BATCH = 1_000;

export function rotateKeysCommand(ctx: CommandContext): Command {
  return new Command('rotate')
    .description('seal every secret in the database with the newest key of the ring, and verify that none is left')
    .option('--batch <n>', `secrets of one transaction (default: ${BATCH})`, wholeNumber(1, MOST_BATCH))
    .addHelpText(
      'after',
      '\nWhat is interrupted is taken up again by the same command. Secrets themselves do not change.\n\n' +
        'Example:\n  $ quarterhour keys add && quarterhour keys rotate',
    )
    .action(async ({ batch = BATCH }: { batch?: number }) => {
      const settings = ctx.settings();
      const ring = openKeyRing(keyRingFile(settings));
      await withDatabase(controlDatabaseUrl(settings), async (db) => {
        const { resealed, unopened } = await resealAll(db, ring, batch);
        const newest = ring.newestKeyId();
        const counts = await sealedByKey(db);
        const left = [...counts].filter(([id]) => id !== newest);
        ctx.out.line(`${resealed} sealed anew, ${counts.get(newest) ?? 0} are under ${newest}`);
        for (const { table, column, rowId, orgId } of unopened) {
          ctx.out.remark(`cannot be opened: ${table}.${column} of ${rowId}, organisation ${orgId}`);
        }
        if (left.length > 0) throw notAll(left, unopened.length);
        ctx.out.line('No secret is under another key');
      });
    });
}

function notAll(left: readonly (readonly [string, number])[], unopened: number): CommandFailure {
  const told = left.map(([id, n]) => `${n} under ${id}`).join(', ');
  return new CommandFailure(`some secrets are under other keys: ${told}`, {
    remedy:
      unopened > 0
        ? 'Put the key that they need back into the ring, or have them set anew; the others are done.'
        : 'They came in meanwhile: run it again.',
  });
}
