import { NO_ORGANISATION } from '@quarterhour/db';
import type { Delivery, Received, Refused, Stream } from '@quarterhour/ingestion';
import type { Receiver } from './receiver.js';
import { storeBatch, untilDone, type StoreContext, type Stored } from './store-batch.js';
import { MOST_DEATHS, suspectOf, transactionsWithin, type Suspects } from './suspects.js';

/** How the deliveries of one stream are understood and stored while there are suspects among them. */
export interface SuspectsContext<Fact> extends StoreContext {
  readonly suspects: Suspects;
  readonly stream: Stream<Fact>;
  readonly receiver: Receiver<Fact>;
}

/**
 * Stores a batch that has suspects in it: together, but for those with which a process died. Whoever dies with one of these
 * in hand, died of it.
 *
 * @throws StoppedError when told to stop waiting first
 */
export async function storeSuspects<Fact>(
  ctx: SuspectsContext<Fact>,
  batch: readonly Delivery[],
): Promise<Stored<Fact>> {
  const deaths = await untilDone(ctx, ctx.stream.name, () => ctx.suspects.deathsOf(batch.map(suspectOf)));
  const stored: Stored<Fact>[] = [];
  for (const group of groupsOf(batch, (_delivery, position) => (deaths[position] ?? 0) > 0)) {
    stored.push(await storeOnRecord(ctx, group));
  }
  return {
    received: stored.flatMap(({ received }) => received),
    outcomes: stored.flatMap(({ outcomes }) => outcomes),
  };
}

async function storeOnRecord<Fact>(ctx: SuspectsContext<Fact>, group: readonly Delivery[]): Promise<Stored<Fact>> {
  const { suspects, stream, receiver } = ctx;
  const inHand = group.map(suspectOf);
  const onRecord = { ...ctx, db: transactionsWithin(ctx.db, (work) => suspects.onRecord(inHand, work)) };
  const received = await untilDone(onRecord, stream.name, () =>
    suspects.onRecord(inHand, (deaths) =>
      receiver.knownByNow(group.map((delivery, position) => receiveUnlessDeadly(ctx, delivery, deaths[position] ?? 0))),
    ),
  );
  const outcomes = await storeBatch(onRecord, stream, received);
  await suspects.forget(inHand);
  return { received, outcomes };
}

function receiveUnlessDeadly<Fact>(ctx: SuspectsContext<Fact>, delivery: Delivery, deaths: number): Received<Fact> {
  return deaths >= MOST_DEATHS ? unread(ctx, delivery, deaths) : ctx.receiver.asOfNow()(delivery);
}

/** Whose it is follows from its routing key: only that is looked at. */
function unread<Fact>({ receiver, stream, log }: SuspectsContext<Fact>, delivery: Delivery, deaths: number): Refused {
  log.error({ stream: stream.name, queue: delivery.queue, deaths }, 'a message is set aside unread');
  const detail = `${deaths} processes ended while they had this message in hand, the last of them nothing else`;
  return {
    kind: 'refused',
    delivery,
    orgId: receiver.ownerOf(delivery) ?? NO_ORGANISATION,
    messageId: null,
    fault: { reason: 'delivery_limit', path: null, detail, waitsFor: null },
  };
}

/** Those that are to be alone, each by itself, and what is between them, in order. */
function groupsOf<T>(items: readonly T[], isAlone: (item: T, position: number) => boolean): T[][] {
  const groups: T[][] = [];
  let open: T[] | null = null;
  for (const [position, item] of items.entries()) {
    const alone = isAlone(item, position);
    if (open === null || alone) groups.push((open = []));
    open.push(item);
    if (alone) open = null;
  }
  return groups;
}
