import { getQuarantined, type QuarantinedRecord } from '@quarterhour/db';
import { Command } from 'commander';
import { readDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { everyOrganisation, everything, slugsById } from '../organisations.js';
import { bodyPreview, fields, printableJson } from '../printing.js';
import { ownerName } from '../quarantine.js';
import { uuid, wholeNumber } from '../values.js';

const MOST_BODY_BYTES = 1024 * 1024;

interface Options {
  readonly bytes: number;
  readonly json?: boolean;
}

export function showQuarantinedCommand(ctx: CommandContext): Command {
  return new Command('show')
    .description('show one delivery that was set aside: why, where the fault is, and the beginning of its body')
    .argument('<id>', 'its id, from "quarterhour quarantine list"', uuid)
    .option('--bytes <count>', 'how much of the body', wholeNumber(0, MOST_BODY_BYTES), 2048)
    .option('--json', 'as JSON, with the whole body in base64')
    .addHelpText('after', '\nExample:\n  $ quarterhour quarantine show 01980d5e-7a60-7c3e-9d11-1f0a52f2b6d4')
    .action(async (id: string, options: Options) => {
      const organisations = await everyOrganisation(ctx.settings());
      const record = await withDatabase(readDatabaseUrl(ctx.settings()), (db) =>
        db.read(everything(organisations), (trx) => getQuarantined(trx, id)),
      );
      if (record === null) {
        throw new CommandFailure(`nothing in quarantine has the id ${id}`, {
          remedy: '"quarterhour quarantine list" shows the ids.',
        });
      }
      const owner = ownerName(slugsById(organisations), record.orgId);
      const lines = options.json === true ? [jsonOf(record, owner)] : linesOf(record, owner, options.bytes);
      for (const line of lines) ctx.out.line(line);
    });
}

function linesOf(record: QuarantinedRecord, owner: string, mostBytes: number): string[] {
  return [
    `quarantined ${record.id}`,
    ...fields({
      reason: record.reason,
      path: record.path,
      detail: record.detail,
      'can be replayed': record.replayable ? 'yes' : 'no',
      'waits for': record.waitsFor,
      state: record.state,
      ...decisionFields(record),
      organisation: owner,
      stream: record.stream,
      exchange: record.exchange,
      'routing key': record.routingKey,
      queue: record.queue,
      'message id': record.messageId,
      'first seen': record.firstSeen,
      'last seen': record.lastSeen,
      copies: String(record.copies),
      worker: record.worker,
      properties: JSON.stringify(record.properties),
      sha256: record.bodySha256.toString('hex'),
    }),
    `body, ${record.bodyBytes} bytes${record.isBodyDropped ? ", dropped: the day's quota was used up" : ''}:`,
    ...bodyPreview(record.body, mostBytes).map((line) => `  ${line}`),
  ];
}

function decisionFields(record: QuarantinedRecord): Readonly<Record<string, string | null>> {
  const { attempts, lastAttempt, replayedAs, decidedAt, decidedBy, decisionNote } = record;
  return {
    attempts: attempts === 0 ? null : String(attempts),
    'last attempt': lastAttempt && `${lastAttempt.at}: ${lastAttempt.reason}: ${lastAttempt.detail}`,
    'replayed as': replayedAs,
    'decided at': decidedAt,
    'decided by': decidedBy,
    because: decisionNote,
  };
}

function jsonOf({ body, bodySha256, ...record }: QuarantinedRecord, organisation: string): string {
  return printableJson({
    ...record,
    organisation,
    bodySha256: bodySha256.toString('hex'),
    bodyBase64: body.toString('base64'),
  });
}
