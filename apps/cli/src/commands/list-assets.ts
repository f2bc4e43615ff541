import { listAssets, listPlants } from '@quarterhour/db';
import { Command } from 'commander';
import { readDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { everyOrganisation, organisationsNamed, slugsById } from '../organisations.js';
import { printableJson, table } from '../printing.js';
import { slug } from '../values.js';

export function listAssetsCommand(ctx: CommandContext): Command {
  return new Command('list')
    .description('list the assets')
    .option('--organisation <slug>', 'only those of one organisation', slug)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ quarterhour asset list --organisation demo')
    .action(async (options: { organisation?: string; json?: boolean }) => {
      const owners = organisationsNamed(await everyOrganisation(ctx.settings()), options.organisation);
      const scope = owners.map(({ id }) => id);
      const { assets, plants } = await withDatabase(readDatabaseUrl(ctx.settings()), (db) =>
        db.read(scope, async (trx) => ({ assets: await listAssets(trx), plants: await listPlants(trx) })),
      );
      if (options.json === true) return ctx.out.line(printableJson(assets));
      const slugs = slugsById(owners);
      const plantNames = new Map(plants.map((plant) => [plant.id, plant.externalPlantId]));
      const rows = assets.map((asset) => [
        asset.id,
        slugs.get(asset.orgId) ?? asset.orgId,
        asset.type,
        asset.deliveryArea,
        asset.lifecycle,
        asset.plantId === null ? '-' : (plantNames.get(asset.plantId) ?? asset.plantId),
        asset.name,
      ]);
      const titles = ['ID', 'ORGANISATION', 'TYPE', 'AREA', 'LIFECYCLE', 'PLANT', 'NAME'];
      for (const line of table(titles, rows)) ctx.out.line(line);
    });
}
