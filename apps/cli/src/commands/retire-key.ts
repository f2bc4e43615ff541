import { readRingKeys, removeKey } from '@quarterhour/runtime';
import { Command } from 'commander';
import { controlDatabaseUrl, keyRingFile } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { sealedByKey } from '../sealed-values.js';

export function retireKeyCommand(ctx: CommandContext): Command {
  return new Command('retire')
    .description('take a key out of the ring, once no secret is sealed with it')
    .argument('<key>', 'id of the key, as "quarterhour keys list" shows it')
    .addHelpText(
      'after',
      '\nA restored backup of the database may need it: keep a copy.\n\nExample:\n  $ quarterhour keys retire key-0a1b2c3d',
    )
    .action(async (id: string) => {
      const settings = ctx.settings();
      const path = keyRingFile(settings);
      if (!readRingKeys(path).keys.has(id)) {
        throw new CommandFailure(`the key ring has no key ${id}`, {
          remedy: '"quarterhour keys list" shows those it has.',
        });
      }
      const counts = await withDatabase(controlDatabaseUrl(settings), sealedByKey);
      const used = counts.get(id) ?? 0;
      if (used > 0) {
        throw new CommandFailure(`${used} secrets are sealed with ${id}`, {
          remedy: 'Run "quarterhour keys rotate" first.',
        });
      }
      removeKey(path, id);
      ctx.out.line(`Took key ${id} out of ${path}`);
    });
}
