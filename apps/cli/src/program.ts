import { Command, CommanderError } from 'commander';
import { addKeyCommand } from './commands/add-key.js';
import { addAssetCommand } from './commands/add-asset.js';
import { addOrganisationCommand } from './commands/add-organisation.js';
import { addPlantCommand } from './commands/add-plant.js';
import { createKeyRingCommand } from './commands/create-key-ring.js';
import { discardQuarantinedCommand } from './commands/discard-quarantined.js';
import { enableOrganisationCommand } from './commands/enable-organisation.js';
import { ensurePartitionsCommand } from './commands/ensure-partitions.js';
import { listAssetsCommand } from './commands/list-assets.js';
import { listKeysCommand } from './commands/list-keys.js';
import { listOrganisationsCommand } from './commands/list-organisations.js';
import { listPartitionsCommand } from './commands/list-partitions.js';
import { listPlantsCommand } from './commands/list-plants.js';
import { listQuarantineCommand } from './commands/list-quarantine.js';
import { makeCertificateCommand } from './commands/make-certificate.js';
import { migrateCommand } from './commands/migrate.js';
import { mintTokenCommand } from './commands/mint-token.js';
import { publishMessageCommand } from './commands/publish-message.js';
import { replayQuarantinedCommand } from './commands/replay-quarantined.js';
import { retireKeyCommand } from './commands/retire-key.js';
import { rotateKeysCommand } from './commands/rotate-keys.js';
import { showQuarantinedCommand } from './commands/show-quarantined.js';
import { verifyRollupsCommand } from './commands/verify-rollups.js';
import type { CommandContext } from './context.js';
import { explained } from './explaining.js';

const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs one command line, without the program's name, and says how it ended: 0, 1 failed, 2 wrong usage. */
export async function run(args: readonly string[], ctx: CommandContext): Promise<number> {
  const program = quarterhour(ctx);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
    ctx.out.remark(explained(error));
    if (program.opts<{ verbose?: boolean }>().verbose === true && error instanceof Error) tellCauses(error, ctx);
    return FAILED;
  }
}

function quarterhour(ctx: CommandContext): Command {
  const program = new Command('quarterhour')
    .description('Operates Quarterhour: its database, its register, and what was set aside.')
    .option('--verbose', 'say where settings come from, and where an error happened')
    .hook('preAction', () => {
      if (program.opts<{ verbose?: boolean }>().verbose === true) {
        ctx.out.remark(`Settings are those of ${ctx.settings().source}.`);
      }
    });
  program.addCommand(migrateCommand(ctx));
  program.addCommand(
    group('partitions', 'partitions of telemetry by day', [ensurePartitionsCommand(ctx), listPartitionsCommand(ctx)]),
  );
  program.addCommand(group('rollups', 'what telemetry adds up to', [verifyRollupsCommand(ctx)]));
  program.addCommand(
    group('organisation', 'tenants of the installation', [
      addOrganisationCommand(ctx),
      enableOrganisationCommand(ctx),
      listOrganisationsCommand(ctx),
    ]),
  );
  program.addCommand(group('plant', 'physical places', [addPlantCommand(ctx), listPlantsCommand(ctx)]));
  program.addCommand(group('asset', 'units that are dispatched', [addAssetCommand(ctx), listAssetsCommand(ctx)]));
  program.addCommand(publishMessageCommand(ctx));
  program.addCommand(mintTokenCommand(ctx));
  program.addCommand(makeCertificateCommand(ctx));
  program.addCommand(
    group('quarantine', 'deliveries that were set aside', [
      listQuarantineCommand(ctx),
      showQuarantinedCommand(ctx),
      replayQuarantinedCommand(ctx),
      discardQuarantinedCommand(ctx),
    ]),
  );
  program.addCommand(
    group('keys', 'the key ring that secrets in the database are sealed with', [
      createKeyRingCommand(ctx),
      addKeyCommand(ctx),
      rotateKeysCommand(ctx),
      listKeysCommand(ctx),
      retireKeyCommand(ctx),
    ]),
  );
  for (const command of [program, ...program.commands.flatMap((child) => [child, ...child.commands])]) {
    command
      .exitOverride()
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({
        writeOut: (text) => ctx.out.line(text.trimEnd()),
        writeErr: (text) => ctx.out.remark(text.trimEnd()),
      });
  }
  return program;
}

function group(name: string, description: string, commands: readonly Command[]): Command {
  const parent = new Command(name).description(description);
  for (const command of commands) parent.addCommand(command);
  return parent;
}

function tellCauses(error: Error, ctx: CommandContext): void {
  ctx.out.remark(error.stack ?? error.message);
  if (error.cause instanceof Error) tellCauses(error.cause, ctx);
}
