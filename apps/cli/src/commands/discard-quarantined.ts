import { plainText } from '@quarterhour/contracts';
import { discardDeliveries, type DiscardResult } from '@quarterhour/ingestion';
import { Command, InvalidArgumentError } from 'commander';
import { controlDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { chunksOf, decisionOf, unanswered } from '../deciding.js';
import { CommandFailure } from '../failure.js';
import { several, uuid } from '../values.js';

interface Options {
  readonly because: string;
  readonly dryRun?: boolean;
}

export function discardQuarantinedCommand(ctx: CommandContext): Command {
  return new Command('discard')
    .description('put deliveries aside for good; they stay readable, and are not taken in any more')
    .argument('<ids...>', 'their ids, from "quarterhour quarantine list"', several(uuid))
    .requiredOption('--because <text>', 'why, for the record', reasonText)
    .option('--dry-run', 'say what would become of each, and change nothing')
    .addHelpText(
      'after',
      '\nExample:\n  $ quarterhour quarantine discard 01980d5e-7a60-7c3e-9d11-1f0a52f2b6d4 --because "sent by a test bench"',
    )
    .action(async (ids: readonly string[], { because, dryRun = false }: Options) => {
      const missing = await withDatabase(controlDatabaseUrl(ctx.settings()), async (db) => {
        const decision = await decisionOf(ctx, db, {});
        const found: DiscardResult[] = [];
        for (const chunk of chunksOf(ids))
          found.push(...(await discardDeliveries(decision, chunk, { because, dryRun })));
        for (const result of found) ctx.out.line(`${result.id}  ${ended(result, dryRun)}`);
        return unanswered(ids, found);
      });
      for (const id of missing) ctx.out.line(`${id}  not found`);
      if (missing.length > 0) {
        throw new CommandFailure(`${missing.length} not found in quarantine`, {
          remedy: '"quarterhour quarantine list" shows the ids.',
        });
      }
    });
}

function reasonText(text: string): string {
  if (plainText(1000).safeParse(text).success) return text;
  throw new InvalidArgumentError('Use 1 to 1000 characters, no control characters.');
}

function ended(result: DiscardResult, dryRun: boolean): string {
  if (result.result === 'not-open') return `${result.state} before`;
  return dryRun ? 'would be discarded' : 'discarded';
}
