import { REASON_NAMES, STREAMS, type Reason, type StreamName } from '@quarterhour/contracts';
import { Command, Option } from 'commander';
import { readDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { everyOrganisation, everything, organisationBySlug, slugsById } from '../organisations.js';
import { printableJson, table } from '../printing.js';
import { newestQuarantined, ownerName } from '../quarantine.js';
import { slug, wholeNumber } from '../values.js';

interface Options {
  readonly organisation?: string;
  readonly stream?: StreamName;
  readonly reason?: Reason;
  readonly limit: number;
  readonly json?: boolean;
}

export function listQuarantineCommand(ctx: CommandContext): Command {
  return new Command('list')
    .description('list what was set aside, newest first, with the reason')
    .option('--organisation <slug>', 'only what is owned by one organisation', slug)
    .addOption(new Option('--stream <stream>', 'only one stream').choices(STREAMS))
    .addOption(new Option('--reason <reason>', 'only one reason').choices(REASON_NAMES))
    .option('--limit <count>', 'how many', wholeNumber(1, 1000), 20)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ quarterhour quarantine list --reason schema --limit 5')
    .action(async ({ organisation, stream, reason, limit, json }: Options) => {
      const organisations = await everyOrganisation(ctx.settings());
      const scope =
        organisation === undefined ? everything(organisations) : [organisationBySlug(organisations, organisation).id];
      const query = { ...(stream && { stream }), ...(reason && { reason }), limit };
      const found = await withDatabase(readDatabaseUrl(ctx.settings()), (db) =>
        db.read(scope, (trx) => newestQuarantined(trx, query)),
      );
      if (json === true) return ctx.out.line(printableJson(found));
      const slugs = slugsById(organisations);
      const rows = found.map((one) => [
        one.firstSeen,
        ownerName(slugs, one.orgId),
        one.stream,
        one.reason,
        one.path ?? '-',
        one.waitsFor ?? '-',
        one.state,
        String(one.copies),
        one.id,
      ]);
      const titles = ['FIRST SEEN', 'ORGANISATION', 'STREAM', 'REASON', 'PATH', 'WAITS FOR', 'STATE', 'COPIES', 'ID'];
      for (const line of table(titles, rows)) ctx.out.line(line);
      if (found.length === limit) ctx.out.remark(`The newest ${limit}; --limit shows more.`);
    });
}
