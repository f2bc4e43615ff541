import { listPlants } from '@quarterhour/db';
import { Command } from 'commander';
import { readDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { everyOrganisation, organisationsNamed, slugsById } from '../organisations.js';
import { printableJson, table } from '../printing.js';
import { slug } from '../values.js';

export function listPlantsCommand(ctx: CommandContext): Command {
  return new Command('list')
    .description('list the plants')
    .option('--organisation <slug>', 'only those of one organisation', slug)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ quarterhour plant list --organisation demo')
    .action(async (options: { organisation?: string; json?: boolean }) => {
      const owners = organisationsNamed(await everyOrganisation(ctx.settings()), options.organisation);
      const plants = await withDatabase(readDatabaseUrl(ctx.settings()), (db) =>
        db.read(
          owners.map(({ id }) => id),
          listPlants,
        ),
      );
      if (options.json === true) return ctx.out.line(printableJson(plants));
      const slugs = slugsById(owners);
      const rows = plants.map((plant) => [
        slugs.get(plant.orgId) ?? plant.orgId,
        plant.externalPlantId ?? '-',
        plant.name,
        plant.timeZone,
        plant.marketZone,
        plant.id,
      ]);
      const titles = ['ORGANISATION', 'EXTERNAL ID', 'NAME', 'TIME ZONE', 'MARKET ZONE', 'ID'];
      for (const line of table(titles, rows)) ctx.out.line(line);
    });
}
