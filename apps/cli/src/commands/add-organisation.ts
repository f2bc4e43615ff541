import { QUEUE_PREFIX_PATTERN, partnerTopology } from '@quarterhour/contracts';
import { parseMarketZone } from '@quarterhour/domain';
import { createOrganisation, type OrganisationRow } from '@quarterhour/db';
import { Command } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { withBroker } from '../broker.js';
import { adminDatabaseUrl, brokerUrlIfSet } from '../config.js';
import type { CommandContext } from '../context.js';
import { isTaken, withDatabase } from '../database.js';
import { explained } from '../explaining.js';
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
    .description('register an organisation, and declare the queue for its telemetry')
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
      await declareQueue(ctx, organisation.queuePrefix);
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

async function declareQueue(ctx: CommandContext, prefix: string | null): Promise<void> {
  if (prefix === null) return;
  const url = brokerUrlIfSet(ctx.settings());
  if (url === undefined) {
    ctx.out.remark(
      'QUARTERHOUR_AMQP_URL is not set: the ingest worker declares the queue when it finds the organisation.',
    );
    return;
  }
  const topology = partnerTopology(prefix);
  try {
    await withBroker(url, (broker) => broker.declare(topology));
  } catch (error) {
    ctx.out.remark(explained(error));
    ctx.out.remark('The organisation is registered; the ingest worker declares its queue when it reaches the broker.');
    return;
  }
  for (const { name } of topology.queues) ctx.out.line(`queue ${name}`);
}
