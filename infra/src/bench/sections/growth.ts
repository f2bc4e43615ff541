import type { Bench } from '../bench.js';
import { total } from '../cpu.js';
import { ratios, short } from '../figures.js';
import { productRound, type Round } from '../ingest-round.js';
import type { Measurement } from '../judge.js';
import { sayWhereTimeGoes } from './ingest.js';

/** The worker over the same backlogs, in turns into a small database and into a full one of the same server. */
export async function measureGrowth(bench: Bench): Promise<Measurement[]> {
  const { growth, warmUp } = bench.sizes;
  const backlog = { warmUp: warmUp.product, messages: growth.messages };
  const [small, full] = [await bench.small(), await bench.full()];
  const intoSmall: Round[] = [];
  const intoFull: Round[] = [];
  for (let round = 1; round <= growth.rounds; round += 1) {
    intoSmall.push(await productRound(bench, small, backlog));
    intoFull.push(await productRound(bench, full, backlog));
    const rates = [intoSmall, intoFull].map((of) => short(of.at(-1)?.rate ?? NaN));
    bench.say(`  round ${round}: into the small database ${rates[0]}, into the full one ${rates[1]} msg/s`);
  }
  sayWhereTimeGoes(bench, 'small database', intoSmall);
  sayWhereTimeGoes(bench, 'full database', intoFull);
  const rate = (round: Round) => round.rate;
  const cpu = ({ micros }: Round) => (micros === null ? NaN : total(micros));
  return [
    { goal: 'growth', variant: 'time', values: ratios(intoSmall.map(rate), intoFull.map(rate)) },
    typeof bench.cpu === 'string'
      ? { goal: 'growth', variant: 'processor time', missing: bench.cpu }
      : { goal: 'growth', variant: 'processor time', values: ratios(intoFull.map(cpu), intoSmall.map(cpu)) },
  ];
}
