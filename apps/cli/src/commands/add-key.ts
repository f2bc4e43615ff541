import { addKey } from '@quarterhour/runtime';
import { Command } from 'commander';
import { keyRingFile } from '../config.js';
import type { CommandContext } from '../context.js';

export function addKeyCommand(ctx: CommandContext): Command {
  return new Command('add')
    .description('add a new key to the key ring; processes that run seal with it from now on')
    .addHelpText(
      'after',
      '\nWhere the ring is a copy on each machine, copy it everywhere before "quarterhour keys rotate".\n\n' +
        'Example:\n  $ quarterhour keys add && quarterhour keys rotate',
    )
    .action(() => {
      const path = keyRingFile(ctx.settings());
      ctx.out.line(`Added key ${addKey(path)} to ${path}; older secrets are under the others until "keys rotate"`);
    });
}
