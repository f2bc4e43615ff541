import { partnerTopology } from '@quarterhour/contracts';
import { enableTrading, listOrganisations, listTradingStates, recordAudit, type Trx } from '@quarterhour/db';
import { Command } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { withBroker } from '../broker.js';
import { adminDatabaseUrl, brokerUrlIfSet } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { whoCommands } from '../deciding.js';
import { explained } from '../explaining.js';
import { CommandFailure } from '../failure.js';
import { organisationBySlug } from '../organisations.js';
import { slug } from '../values.js';

export function enableOrganisationCommand(ctx: CommandContext): Command {
  return new Command('enable')
    .description('enable the trading of an organisation that is disabled, and declare its queues')
    .argument('<slug>', 'its name on the command line', slug)
    .addHelpText(
      'after',
      `
For setting an installation up. The trading team enables and disables over HTTP, where each step is published as an event;
this leaves an entry in the organisation's audit chain.

Example:
  $ quarterhour organisation enable windhof`,
    )
    .action(async (name: string) => {
      const prefix = await withDatabase(adminDatabaseUrl(ctx.settings()), async (db) => {
        const organisation = organisationBySlug(await db.read([], listOrganisations), name);
        if (organisation.queuePrefix === null) {
          throw new CommandFailure(`${name} has no queue prefix: it publishes nothing itself`);
        }
        await db.transaction([organisation.id], (trx) => enable(trx, organisation));
        return organisation.queuePrefix;
      });
      ctx.out.line(`organisation ${name} enabled`);
      await declareQueues(ctx, prefix);
    });
}

async function enable(trx: Trx, { id, slug: name }: { readonly id: string; readonly slug: string }): Promise<void> {
  if (await enableTrading(trx, id, uuidv7())) {
    return recordAudit(trx, [{ orgId: id, actor: whoCommands(), action: 'trading.enable', subject: name, detail: {} }]);
  }
  const state = (await listTradingStates(trx)).find(({ orgId }) => orgId === id)?.state;
  if (state === 'ENABLED') return;
  throw new CommandFailure(`the trading of ${name} is ${state?.toLowerCase() ?? 'not known'}`, {
    remedy: 'Whether it goes on is decided by the trading team, over HTTP.',
  });
}

async function declareQueues(ctx: CommandContext, prefix: string): Promise<void> {
  const url = brokerUrlIfSet(ctx.settings());
  if (url === undefined) {
    ctx.out.remark('QUARTERHOUR_AMQP_URL is not set: the ingest worker declares the queues within a second.');
    return;
  }
  const topology = partnerTopology(prefix);
  try {
    await withBroker(url, (broker) => broker.declare(topology));
  } catch (error) {
    ctx.out.remark(explained(error));
    ctx.out.remark('The organisation is enabled; the ingest worker declares its queues when it reaches the broker.');
    return;
  }
  for (const { name } of topology.queues) ctx.out.line(`queue ${name}`);
}
