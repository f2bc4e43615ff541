import { QUEUE_PREFIX_PATTERN } from '@quarterhour/contracts';
import { parseMarketZone } from '@quarterhour/domain';
import { createOrganisation, type OrganisationRow } from '@quarterhour/db';
import { Command } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { adminDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { isTaken, withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { queuePrefix, shortText, slug, zone } from '../values.js';

interface Options {
  readonly name?: string;
  /** False when the organisation publishes nothing itself. */
  readonly queuePrefix: string | boolean;
  readonly marketZone: string;
}

export function addOrganisationCommand(ctx: CommandContext): Command {
  return new Command('add')
    .description('register an organisation, whose trading is disabled to begin with')
    .argument('<slug>', 'its name on the command line, unique', slug)
    .option('--name <name>', 'its name for people (default: the slug)', shortText)
    .option('--queue-prefix <prefix>', 'first word of its routing keys (default: the slug)', queuePrefix)
    .option('--no-queue-prefix', 'it publishes nothing itself')
    .option('--market-zone <zone>', 'zone of its delivery days', zone, parseMarketZone('Europe/Berlin'))
    .addHelpText(
      'after',
      '\nExample:\n  $ quarterhour organisation add windhof --name "Windhof eG" --queue-prefix windhof',
    )
    .action(async (name: string, options: Options) => {
      const organisation = newOrganisation(name, options);
      await withDatabase(adminDatabaseUrl(ctx.settings()), (db) =>
        db.transaction([organisation.id], (trx) => createOrganisation(trx, organisation)),
      ).catch((error: unknown) => {
        throw isTaken(error) ? takenFailure(organisation) : error;
      });
      ctx.out.line(`organisation ${organisation.slug} ${organisation.id}`);
      if (organisation.queuePrefix !== null) {
        ctx.out.remark(
          `Nothing that it publishes is taken in until its trading is enabled: quarterhour organisation enable ${name}.`,
        );
      }
    });
}

function newOrganisation(name: string, options: Options): OrganisationRow {
  return {
    id: uuidv7(),
    slug: name,
    name: options.name ?? name,
    queuePrefix: prefixOf(name, options.queuePrefix),
    marketZone: options.marketZone,
  };
}

function prefixOf(name: string, asked: string | boolean): string | null {
  if (asked === false) return null;
  if (typeof asked === 'string') return asked;
  if (QUEUE_PREFIX_PATTERN.test(name)) return name;
  throw new CommandFailure(`the slug ${name} cannot be a queue prefix`, {
    remedy: 'Give one with --queue-prefix, or --no-queue-prefix if it publishes nothing itself.',
  });
}

function takenFailure({ slug: name, queuePrefix: prefix }: OrganisationRow): CommandFailure {
  return new CommandFailure(`slug ${name} or queue prefix ${prefix ?? '(none)'} is taken`, {
    remedy: '"quarterhour organisation list" shows whose they are.',
  });
}
