import { existsSync } from 'node:fs';
import { createKeyRing, readRingKeys } from '@quarterhour/runtime';
import { Command } from 'commander';
import { keyRingFile } from '../config.js';
import type { CommandContext } from '../context.js';

export function createKeyRingCommand(ctx: CommandContext): Command {
  return new Command('create')
    .description('make the file of the key ring, with one new key; a file that is there is never overwritten')
    .argument('[file]', 'default: QUARTERHOUR_KEY_RING')
    .option('--if-missing', 'be content with a key ring that is there already')
    .addHelpText(
      'after',
      '\nKeep a copy of it apart from the backups of the database: without it nothing that is sealed can be opened.\n\n' +
        'Example:\n  $ quarterhour keys create /etc/quarterhour/key-ring.json',
    )
    .action((file: string | undefined, { ifMissing }: { ifMissing?: boolean }) => {
      const path = file ?? keyRingFile(ctx.settings());
      if (ifMissing === true && existsSync(path)) {
        ctx.out.line(`${path} is there already; its newest key is ${readRingKeys(path).newest}`);
        return;
      }
      ctx.out.line(`Made ${path} with key ${createKeyRing(path)}`);
    });
}
