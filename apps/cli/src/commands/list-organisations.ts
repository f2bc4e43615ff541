import { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { everyOrganisation } from '../organisations.js';
import { printableJson, table } from '../printing.js';

export function listOrganisationsCommand(ctx: CommandContext): Command {
  return new Command('list')
    .description('list the organisations')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ quarterhour organisation list --json')
    .action(async ({ json }: { json?: boolean }) => {
      const organisations = await everyOrganisation(ctx.settings());
      if (json === true) return ctx.out.line(printableJson(organisations));
      const rows = organisations.map(({ slug, name, queuePrefix, marketZone, id }) => [
        slug,
        name,
        queuePrefix ?? '-',
        marketZone,
        id,
      ]);
      for (const line of table(['SLUG', 'NAME', 'QUEUE PREFIX', 'MARKET ZONE', 'ID'], rows)) ctx.out.line(line);
    });
}
