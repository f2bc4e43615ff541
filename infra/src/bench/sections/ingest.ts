import type { Bench } from '../bench.js';
import { total, type Micros } from '../cpu.js';
import { median, ratios, short } from '../figures.js';
import { drainRound, naiveRound, productRound, type Round } from '../ingest-round.js';
import type { Measurement } from '../judge.js';

/** The worker against a naive one and against a drain that stores nothing, each over a backlog in the same queue. */
export async function measureIngest(bench: Bench): Promise<Measurement[]> {
  const { rounds, warmUp, messages } = bench.sizes;
  const store = await bench.small();
  const large = { warmUp: warmUp.product, messages: messages.product };
  const naive: Round[] = [];
  const drain: Round[] = [];
  const product: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    naive.push(await naiveRound(bench, store, { warmUp: warmUp.naive, messages: messages.naive }));
    drain.push(await drainRound(bench, large));
    product.push(await productRound(bench, store, large));
    const rates = [naive, drain, product].map((of) => short(of.at(-1)?.rate ?? NaN));
    bench.say(`  round ${round}: naive ${rates[0]}, drain ${rates[1]}, worker ${rates[2]} msg/s`);
  }
  sayWhereTimeGoes(bench, 'naive worker', naive);
  sayWhereTimeGoes(bench, 'no-op drain', drain);
  sayWhereTimeGoes(bench, 'worker', product);
  const rate = ({ rate }: Round) => rate;
  const peaks = product.flatMap(({ peakMegabytes }) => (peakMegabytes === null ? [] : [peakMegabytes]));
  return [
    { goal: 'ingest-naive', values: ratios(product.map(rate), naive.map(rate)) },
    { goal: 'ingest-drain', values: ratios(product.map(rate), drain.map(rate)) },
    typeof bench.cpu === 'string' ? { goal: 'memory', missing: bench.cpu } : { goal: 'memory', values: peaks },
  ];
}

export function sayWhereTimeGoes(bench: Bench, who: string, rounds: readonly Round[]): void {
  const all = rounds.flatMap(({ micros }) => (micros === null ? [] : [micros]));
  if (all.length === 0) return;
  const of = (part: keyof Micros) => short(median(all.map((micros) => micros[part])));
  bench.say(
    `  ${who}: ${short(median(all.map(total)))} µs of processor time per message: ` +
      `broker ${of('broker')}, worker ${of('worker')}, Postgres ${of('postgres')}`,
  );
}
