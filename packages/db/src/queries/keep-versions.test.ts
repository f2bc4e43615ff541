import { describe, expect, test } from '@jest/globals';
import { compareInstants, instantFromEpochMicros, type UtcInstant } from '@quarterhour/domain';
import fc from 'fast-check';
import {
  keepVersions,
  prepareVersions,
  settleVersions,
  type Displaced,
  type Stamped,
  type Version,
  type VersionedTable,
  type VersionVerdict,
} from './keep-versions.js';

interface Row extends Version {
  readonly key: string;
  readonly content: number;
}

const instant = (micros: number): UtcInstant => instantFromEpochMicros(1_700_000_000_000_000 + micros);
const hasSameContent = (left: Row, right: Row): boolean => left.content === right.content;

/** What a database does for `keepVersions`, one statement after the other. */
class Tables implements VersionedTable<Row, readonly Row[]> {
  readonly current = new Map<string, Stamped<Row>>();
  readonly history: Displaced<Row>[] = [];

  readonly hasSameContent = hasSameContent;

  announcedAt = instant(0);

  readonly announced = () => Promise.resolve(this.announcedAt);

  readonly insert = (rows: readonly Row[], stamp: UtcInstant | null): Promise<number[]> => {
    const receivedAt = stamp ?? this.announcedAt;
    const lost = rows.flatMap((row, position) => (this.current.has(row.key) ? [position] : []));
    for (const row of rows) if (!this.current.has(row.key)) this.current.set(row.key, { ...row, receivedAt });
    return Promise.resolve(lost);
  };

  readonly lock = (rows: readonly { row: Row; isOnly: boolean }[]): Promise<Map<number, Stamped<Row>>> => {
    const locked = rows.flatMap(({ row, isOnly }, position): [number, Stamped<Row>][] => {
      const standing = this.#standing(row.key);
      const isCopy = standing.messageId === row.messageId || hasSameContent(standing, row);
      return isOnly && isCopy ? [] : [[position, standing]];
    });
    return Promise.resolve(new Map(locked));
  };

  readonly displacedMessages = (rows: readonly Row[]): Promise<Map<number, Set<string>>> => {
    const messagesOf = (key: string) => this.versionsOf(key).displaced.map(({ messageId }) => messageId);
    return Promise.resolve(new Map(rows.map(({ key }, position) => [position, new Set(messagesOf(key))])));
  };

  readonly replace = (rows: readonly Stamped<Row>[]): Promise<void> => {
    for (const row of rows) this.current.set(row.key, row);
    return Promise.resolve();
  };

  readonly archive = (rows: readonly Displaced<Row>[]): Promise<void> => {
    this.history.push(...rows);
    return Promise.resolve();
  };

  versionsOf(key: string): { readonly standing: Stamped<Row>; readonly displaced: readonly Displaced<Row>[] } {
    return { standing: this.#standing(key), displaced: this.history.filter((row) => row.key === key) };
  }

  #standing(key: string): Stamped<Row> {
    const row = this.current.get(key);
    if (row === undefined) throw new Error(`nothing stands under ${key}`);
    return row;
  }
}

const prepare = (rows: readonly Row[]) =>
  prepareVersions(rows, { keyOf: ({ key }) => key, toInsert: (firsts) => firsts });

interface Offered {
  readonly row: Row;
  readonly verdict: VersionVerdict;
  readonly turn: number;
}

/** Offers the rows in batches that begin at the cuts, each batch with a stamp of its own. */
async function offer(
  tables: Tables,
  rows: readonly Row[],
  cuts: readonly number[],
  stamps: readonly number[],
): Promise<Offered[]> {
  const begins = [...new Set([0, ...cuts.map((cut) => cut % (rows.length + 1)), rows.length])].sort((a, b) => a - b);
  const offered: Offered[] = [];
  for (const [number, begin] of begins.slice(0, -1).entries()) {
    tables.announcedAt = instant(100 + (stamps[number % stamps.length] ?? 0));
    const batch = rows.slice(begin, begins[number + 1]);
    const verdicts = await keepVersions(prepare(batch), null, tables);
    batch.forEach((row, index) => {
      offered.push({ row, verdict: verdicts[index] ?? 'duplicate', turn: begin + index });
    });
  }
  return offered;
}

/** Few of everything, so that keys, messages, contents and times meet. What was parked came before whatever was not. */
const someRows = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    messageId: fc.constantFrom('m0', 'm1', 'm2', 'm3', 'm4', 'm5'),
    content: fc.nat(2),
    publishedAt: fc.nat(3).map(instant),
    arrivedAt: fc.option(fc.nat(3).map(instant)),
  }),
  { minLength: 1, maxLength: 24 },
);
const someCuts = fc.array(fc.nat(24), { maxLength: 6 });
/** Stamps may fall: of two writers the one with the earlier stamp may come second. */
const someStamps = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 });

/** Later published is later; among equals what was not parked, then what came later. */
function isLaterThan(left: Offered, right: Offered): boolean {
  const arrival = ({ row }: Offered) => row.arrivedAt ?? instant(1_000);
  const byPublication = compareInstants(left.row.publishedAt, right.row.publishedAt);
  const byArrival = compareInstants(arrival(left), arrival(right));
  return (byPublication || byArrival || left.turn - right.turn) > 0;
}

function latest(versions: readonly Offered[]): Offered {
  return versions.reduce((best, one) => (isLaterThan(one, best) ? one : best));
}

const keysOf = (rows: readonly Row[]): string[] => [...new Set(rows.map(({ key }) => key))];

/** Seen in every law below: what was offered in which batches, and what the tables hold afterwards. */
function holds(law: (tables: Tables, offered: readonly Offered[]) => void | Promise<void>): Promise<void> {
  return fc.assert(
    fc.asyncProperty(someRows, someCuts, someStamps, async (rows, cuts, stamps) => {
      const tables = new Tables();
      await law(tables, await offer(tables, rows, cuts, stamps));
    }),
    { numRuns: 400 },
  );
}

const kept = (offered: readonly Offered[], key: string): Offered[] =>
  offered.filter(({ row, verdict }) => row.key === key && verdict !== 'duplicate');

describe('whatever is offered, in whatever batches', () => {
  test('the current version is the one published last, and of those the one that came last', () =>
    holds((tables, offered) => {
      for (const key of keysOf(offered.map(({ row }) => row))) {
        const { row } = latest(kept(offered, key));
        expect(tables.versionsOf(key).standing).toMatchObject({ messageId: row.messageId, content: row.content });
      }
    }));

  test('every message that brought something is current or displaced, once, and what brought nothing is neither', () =>
    holds((tables, offered) => {
      for (const key of keysOf(offered.map(({ row }) => row))) {
        const { standing, displaced } = tables.versionsOf(key);
        const messages = [standing, ...displaced].map(({ messageId }) => messageId);
        expect(messages.sort()).toEqual(
          kept(offered, key)
            .map(({ row }) => row.messageId)
            .sort(),
        );
        expect(new Set(messages).size).toBe(messages.length);
      }
    }));

  test('the first of a key is stored, and nothing after it', () =>
    holds((_tables, offered) => {
      for (const key of keysOf(offered.map(({ row }) => row))) {
        const ofKey = offered.filter(({ row }) => row.key === key);
        expect(ofKey.map(({ verdict }) => verdict === 'stored')).toEqual(ofKey.map((_one, index) => index === 0));
      }
    }));

  test('at every instant since the first one version was current: the latest of those that had been received', () =>
    holds((tables, offered) => {
      for (const key of keysOf(offered.map(({ row }) => row))) {
        const { standing, displaced } = tables.versionsOf(key);
        const spans = [...displaced, { ...standing, displacedAt: instant(1_000_000) }].map(
          ({ messageId, receivedAt, displacedAt }) => ({ messageId, receivedAt, displacedAt }),
        );
        const byMessage = new Map(kept(offered, key).map((one) => [one.row.messageId, one]));
        for (const { receivedAt: asOf } of spans) {
          const known = spans.filter(({ receivedAt }) => compareInstants(receivedAt, asOf) <= 0);
          const current = known.filter(({ displacedAt }) => compareInstants(displacedAt, asOf) > 0);
          const received = known.flatMap(({ messageId }) => byMessage.get(messageId) ?? []);
          expect(current.map(({ messageId }) => messageId)).toEqual([latest(received).row.messageId]);
        }
      }
    }));

  test('what was kept changes nothing when it comes again', () =>
    holds(async (tables, offered) => {
      const before = { current: new Map(tables.current), history: [...tables.history] };
      const again = offered.filter(({ verdict }) => verdict !== 'duplicate').map(({ row }) => row);
      const verdicts = (await offer(tables, again, [1, 3], [9, 0])).map(({ verdict }) => verdict);
      expect(new Set(verdicts)).toEqual(new Set(['duplicate']));
      expect({ current: tables.current, history: tables.history }).toEqual(before);
    }));

  test('one batch and many end with the same versions', () =>
    fc.assert(
      fc.asyncProperty(someRows, someCuts, someStamps, async (rows, cuts, stamps) => {
        const [one, many] = [new Tables(), new Tables()];
        const inOne = await offer(one, rows, [], stamps);
        const inMany = await offer(many, rows, cuts, stamps);
        expect(inMany.map(({ verdict }) => verdict)).toEqual(inOne.map(({ verdict }) => verdict));
        for (const key of keysOf(rows)) {
          expect(many.versionsOf(key).standing.messageId).toBe(one.versionsOf(key).standing.messageId);
        }
      }),
      { numRuns: 400 },
    ));
});

describe('settling what is offered to one key', () => {
  const row = (different: Partial<Row>): Row => ({
    key: 'a',
    content: 0,
    messageId: 'first',
    publishedAt: instant(0),
    arrivedAt: null,
    ...different,
  });
  const standing = { ...row({}), receivedAt: instant(100) };
  const settle = (offered: Row, receivedAt = instant(200)) =>
    settleVersions(
      { standing, displacedMessages: new Set(['gone']), offers: [{ row: offered, index: 0 }] },
      receivedAt,
      hasSameContent,
    );

  test('a version published before the current one goes straight to the history, and was never current', () => {
    const late = row({ messageId: 'late', content: 1, publishedAt: instant(-1) });
    const { current, displaced } = settle(late, instant(200));
    expect(current).toBe(standing);
    expect(displaced).toEqual([{ ...late, receivedAt: instant(200), displacedAt: instant(200) }]);
  });

  test('a version with a stamp that is not after the current one is stamped right after it', () => {
    const { current } = settle(row({ messageId: 'second', content: 1 }), instant(50));
    expect(current.receivedAt).toBe(instant(101));
  });

  test('what was parked before the current version came does not displace it, what came between does', () => {
    const parked = (micros: number) => row({ messageId: `parked ${micros}`, content: 1, arrivedAt: instant(micros) });
    expect(settle(parked(99)).current).toBe(standing);
    expect(settle(parked(101)).current.messageId).toBe('parked 101');
  });

  test('a message of a displaced version is a copy, whatever it says now', () => {
    const { placed, current } = settle(row({ messageId: 'gone', content: 7, publishedAt: instant(9) }));
    expect(placed).toEqual([{ index: 0, verdict: 'duplicate' }]);
    expect(current).toBe(standing);
  });
});
