import { REASON_NAMES, STREAMS, type Reason, type StreamName } from '@quarterhour/contracts';
import type { QuarantineKey } from '@quarterhour/db';
import { replayDeliveries, type ReplayContext, type ReplayResult } from '@quarterhour/ingestion';
import { Command, Option } from 'commander';
import { controlDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CHUNK, chunksOf, decisionOf, unanswered } from '../deciding.js';
import { CommandFailure } from '../failure.js';
import { printable } from '../printing.js';
import { oldestReplayable, type ListedQuarantine, type ReplayablePage } from '../quarantine.js';
import { several, slug, uuid, wholeNumber } from '../values.js';

interface Options {
  readonly organisation?: string;
  readonly stream?: StreamName;
  readonly reason?: Reason;
  readonly limit?: number;
  readonly dryRun?: boolean;
}

const DEFAULT_LIMIT = 1000;
const MOST = 100_000;

export function replayQuarantinedCommand(ctx: CommandContext): Command {
  return new Command('replay')
    .description('take deliveries in after all, as if they came now: those named, or all that match, the oldest first')
    .argument('[ids...]', 'their ids, from "quarterhour quarantine list"', several(uuid))
    .option('--organisation <slug>', 'only what is owned by one organisation', slug)
    .addOption(new Option('--stream <stream>', 'only one stream').choices(STREAMS))
    .addOption(new Option('--reason <reason>', 'only one reason').choices(REASON_NAMES))
    .option('--limit <count>', `how many at most (default: ${DEFAULT_LIMIT})`, wholeNumber(1, MOST))
    .option('--dry-run', 'say what would become of each, and change nothing')
    .addHelpText(
      'after',
      `
What still stands in the way is kept with the delivery, which stays open. Without ids, it goes on in chunks of ${CHUNK} and
stops when a delivery fails for a reason that it did not have before. Ends with status 1 if anything stays in quarantine.

Examples:
  $ quarterhour quarantine replay --reason unknown_asset --dry-run
  $ quarterhour quarantine replay 01980d5e-7a60-7c3e-9d11-1f0a52f2b6d4`,
    )
    .action(async (ids: readonly string[], options: Options) => {
      if (ids.length > 0) refuseFilters(options);
      const replay = await withDatabase(controlDatabaseUrl(ctx.settings()), async (db) => {
        const decision = await decisionOf(ctx, db, options);
        const log = new ReplayLog(ctx, options.dryRun === true);
        await (ids.length > 0 ? replayNamed(decision, ids, log) : replayMatching(decision, options, log));
        return log;
      });
      replay.summarise();
    });
}

function refuseFilters({ stream, reason, limit }: Options): void {
  if (stream === undefined && reason === undefined && limit === undefined) return;
  throw new CommandFailure('ids and --stream, --reason or --limit exclude each other', {
    remedy: 'Name deliveries, or say which match.',
  });
}

async function replayNamed(decision: ReplayContext, ids: readonly string[], log: ReplayLog): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    const results = await replayDeliveries(decision, chunk, log);
    log.tell(results);
    log.tellMissing(unanswered(chunk, results));
  }
}

async function replayMatching(decision: ReplayContext, options: Options, log: ReplayLog): Promise<void> {
  const { stream, reason, limit = DEFAULT_LIMIT } = options;
  const filter = { ...(stream && { stream }), ...(reason && { reason }) };
  let after: QuarantineKey | null = null;
  for (let left = limit; left > 0; left -= CHUNK) {
    const query = { ...filter, ...(after && { after }), limit: Math.min(CHUNK, left) };
    const page: ReplayablePage = await decision.db.read(decision.organisations, (trx) => oldestReplayable(trx, query));
    const ids = page.deliveries.map(({ id }) => id);
    const results = await replayDeliveries(decision, ids, log);
    log.tell(results);
    const surprise = results.find((result) => isNewReason(result, page.deliveries));
    if (surprise !== undefined) return log.stopAt(surprise, page.hasMore);
    if (!page.hasMore) return;
    after = page.lastKey;
  }
  log.remarkLimit(limit);
}

function isNewReason(result: ReplayResult, deliveries: readonly ListedQuarantine[]): boolean {
  if (result.result !== 'still-quarantined') return false;
  const before = deliveries.find(({ id }) => id === result.id);
  return result.reason !== before?.reason && result.reason !== before?.attemptReason;
}

/** Tells what became of each delivery, and how it all ended. */
class ReplayLog {
  readonly dryRun: boolean;
  readonly #ctx: CommandContext;
  readonly #counts = new Map<string, number>();
  #remaining = 0;
  #isStopped = false;

  constructor(ctx: CommandContext, dryRun: boolean) {
    this.#ctx = ctx;
    this.dryRun = dryRun;
  }

  tell(results: readonly ReplayResult[]): void {
    for (const result of results) {
      const { what, remains } = this.#ended(result);
      this.#tellOne(result.id, what, remains);
    }
  }

  tellMissing(ids: readonly string[]): void {
    for (const id of ids) this.#tellOne(id, 'not found', true);
  }

  stopAt({ id, ...result }: ReplayResult, isMoreLeft: boolean): void {
    this.#isStopped = isMoreLeft;
    const reason = 'reason' in result ? result.reason : '';
    const consequence = isMoreLeft ? 'stopped there, the rest was not tried' : 'nothing was left to be tried';
    this.#ctx.out.remark(`${id} failed with ${reason}, which it had not before: ${consequence}.`);
  }

  remarkLimit(limit: number): void {
    this.#ctx.out.remark(`The oldest ${limit}; more match, --limit takes more of them.`);
  }

  /** @throws CommandFailure when anything remains */
  summarise(): void {
    const counts = [...this.#counts].map(([what, n]) => `${n} ${what}`);
    this.#ctx.out.line(counts.length === 0 ? 'Nothing open matches.' : `${counts.join(', ')}.`);
    if (this.#remaining === 0 && !this.#isStopped) return;
    throw new CommandFailure(
      this.#isStopped ? 'stopped before everything that matches was tried' : `${this.#remaining} not taken in`,
      { remedy: '"quarterhour quarantine show ID" says what stands in the way.' },
    );
  }

  #tellOne(id: string, what: string, remains: boolean): void {
    this.#ctx.out.line(printable(`${id}  ${what}`));
    const [kind = what] = what.split(':', 1);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (remains) this.#remaining += 1;
  }

  #ended(result: ReplayResult): { what: string; remains: boolean } {
    switch (result.result) {
      case 'replayed':
        return { what: `${this.dryRun ? 'would be ' : ''}${result.outcome}`, remains: false };
      case 'still-quarantined': {
        const place = result.path === null ? '' : ` at ${result.path}`;
        return {
          what: `${this.dryRun ? 'would stay' : 'stays'} in quarantine: ${result.reason}${place}: ${result.detail}`,
          remains: true,
        };
      }
      case 'not-replayable':
        return { what: `cannot be replayed: ${result.detail}`, remains: true };
      case 'not-open':
        return { what: `${result.state} before`, remains: false };
    }
  }
}
