/** A stream of random numbers that is the same for the same seed, on every machine. */
export interface RandomStream {
  /** In [0, 1). */
  fraction(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** The items in another order. */
  shuffled<T>(items: readonly T[]): T[];
  /** A UUID of version 4. */
  uuid(): string;
}

/**
 * Makes a stream. Load and faults each take one of their own: were it shared, what is sent would follow from when a fault
 * happened to be over, and no run could be repeated.
 *
 * @param seed any text; streams of different texts have nothing to do with each other
 */
export function randomStream(seed: string): RandomStream {
  let state = hashOf(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const fraction = () => next() / 2 ** 32;
  const between = (from: number, to: number) => from + Math.floor(fraction() * (to - from + 1));
  return {
    fraction,
    between,
    pick: (from) => from[between(0, from.length - 1)] ?? from[0],
    shuffled(items) {
      const drawn = items.map((item) => ({ item, rank: fraction() }));
      return drawn.sort((a, b) => a.rank - b.rank).map(({ item }) => item);
    },
    uuid() {
      const words = [next(), next(), next(), next()].map((word) => word.toString(16).padStart(8, '0')).join('');
      const variant = ((Number.parseInt(words.charAt(16), 16) & 3) | 8).toString(16);
      return [
        words.slice(0, 8),
        words.slice(8, 12),
        `4${words.slice(13, 16)}`,
        `${variant}${words.slice(17, 20)}`,
        words.slice(20),
      ].join('-');
    },
  };
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
