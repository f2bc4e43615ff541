import { addPlantEans, createPlant, listOrganisations } from '@quarterhour/db';
import { Command } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { adminDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { isTaken, withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { organisationBySlug } from '../organisations.js';
import { ean, shortText, slug, zone } from '../values.js';

interface Options {
  readonly organisation: string;
  readonly name?: string;
  readonly timeZone?: string;
  readonly marketZone?: string;
  readonly eanCons?: string;
  readonly eanProd?: string;
}

export function addPlantCommand(ctx: CommandContext): Command {
  return new Command('add')
    .description('register a plant: the physical place whose telemetry arrives')
    .argument('<external-id>', 'the id by which the organisation knows it, the siteId of its messages', shortText)
    .requiredOption('--organisation <slug>', 'whose it is', slug)
    .option('--name <name>', 'its name for people (default: the id)', shortText)
    .option('--time-zone <zone>', "zone in which its people live (default: the organisation's market zone)", zone)
    .option('--market-zone <zone>', "zone of its delivery days (default: the organisation's)", zone)
    .option('--ean-cons <ean>', 'EAN of its consumption, 18 digits', ean)
    .option('--ean-prod <ean>', 'EAN of its production, 18 digits', ean)
    .addHelpText(
      'after',
      '\nExample:\n  $ quarterhour plant add WH-1 --organisation windhof --name "Windhof, barn roof"',
    )
    .action(async (externalPlantId: string, options: Options) => {
      const id = uuidv7();
      await withDatabase(adminDatabaseUrl(ctx.settings()), async (db) => {
        const owner = organisationBySlug(await db.read([], listOrganisations), options.organisation);
        const plant = {
          orgId: owner.id,
          id,
          externalPlantId,
          name: options.name ?? externalPlantId,
          timeZone: options.timeZone ?? owner.marketZone,
          marketZone: options.marketZone ?? owner.marketZone,
        };
        await db.transaction([owner.id], async (trx) => {
          await createPlant(trx, plant);
          await addPlantEans(trx, plant, options);
        });
      }).catch((error: unknown) => {
        throw isTaken(error) ? takenFailure(externalPlantId, options.organisation) : error;
      });
      ctx.out.line(`plant ${externalPlantId} ${id}`);
    });
}

function takenFailure(externalPlantId: string, organisation: string): CommandFailure {
  return new CommandFailure(`organisation ${organisation} has a plant ${externalPlantId} already, or an EAN is taken`, {
    remedy: `"quarterhour plant list --organisation ${organisation}" shows it.`,
  });
}
