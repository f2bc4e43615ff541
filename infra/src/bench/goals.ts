/** What the bench promises: the only place where its goals stand. */
export interface Goal {
  readonly what: string;
  /** Of what the figures are; nothing for a ratio. */
  readonly unit: '' | 'ms' | 'MB';
  /** Whether more is better, or less. */
  readonly better: 'more' | 'less';
  /** Below it something is broken: what a build is stopped by. */
  readonly floor: number;
  /** What every release reaches. */
  readonly must: number;
  readonly aim: number;
}

export type GoalName = keyof typeof GOALS;

export const GOALS = {
  'ingest-naive': {
    what: 'telemetry ingest / naive worker with the same guarantees',
    unit: '',
    better: 'more',
    floor: 12,
    must: 15,
    aim: 25,
  },
  'ingest-drain': {
    what: 'telemetry ingest / no-op drain of the queue',
    unit: '',
    better: 'more',
    floor: 0.25,
    must: 0.33,
    aim: 0.5,
  },
  latency: {
    what: 'p99 publish to committed at 2,000 msg/s',
    unit: 'ms',
    better: 'less',
    floor: 50,
    must: 20,
    aim: 10,
  },
  memory: { what: 'worker RSS at full speed', unit: 'MB', better: 'less', floor: 300, must: 250, aim: 200 },
  'page-50': {
    what: 'page of 50 / pgbench of the same statements',
    unit: '',
    better: 'more',
    floor: 0.25,
    must: 0.35,
    aim: 0.5,
  },
  'page-1000': {
    what: 'page of 1,000 / pgbench of the same statements',
    unit: '',
    better: 'more',
    floor: 0.5,
    must: 0.65,
    aim: 0.8,
  },
  'last-page': {
    what: 'time of the last page / first page',
    unit: '',
    better: 'less',
    floor: 1.5,
    must: 1.2,
    aim: 1.05,
  },
  growth: {
    what: 'cost per message in a full database / a small one',
    unit: '',
    better: 'less',
    floor: 1.5,
    must: 1.2,
    aim: 1.05,
  },
  export: {
    what: 'CSV export, rows/s / psql \\copy (query) to',
    unit: '',
    better: 'more',
    floor: 0.2,
    must: 0.4,
    aim: 0.7,
  },
  rollups: {
    what: 'a month of telemetry at 15 min: from rollups / from samples',
    unit: '',
    better: 'more',
    floor: 5,
    must: 15,
    aim: 20,
  },
  enable: { what: "enabling a partner's trading", unit: 'ms', better: 'less', floor: 4_000, must: 2_000, aim: 1_000 },
  mint: {
    what: 'making a key, with its virtual host on the broker',
    unit: 'ms',
    better: 'less',
    floor: 600,
    must: 300,
    aim: 150,
  },
  commands: {
    what: 'p99 signed command to answer at 200/s beside 2,000 samples/s',
    unit: 'ms',
    better: 'less',
    floor: 150,
    must: 50,
    aim: 25,
  },
  'fan-out': {
    what: "p99 of nine partners' telemetry beside one who takes none / beside ten who do",
    unit: '',
    better: 'less',
    floor: 1.5,
    must: 1.2,
    aim: 1.1,
  },
  'limits-insert': {
    what: 'limits of a year in one entry, rows/s / hand-written insert of a series',
    unit: '',
    better: 'more',
    floor: 0.6,
    must: 0.8,
    aim: 0.9,
  },
  'limits-overwrite': {
    what: 'the same set again, each row to history, rows/s / that insert',
    unit: '',
    better: 'more',
    floor: 0.2,
    must: 0.3,
    aim: 0.4,
  },
  reservations: {
    what: 'time of 1,000 reservations / the same rows by one unnest in psql',
    unit: '',
    better: 'less',
    floor: 2,
    must: 1.5,
    aim: 1.2,
  },
  'limits-page': {
    what: 'page of 50 limits with computed values / pgbench of the same statements',
    unit: '',
    better: 'more',
    floor: 0.2,
    must: 0.3,
    aim: 0.5,
  },
  'limits-last-page': {
    what: 'time of the last page / first page of limits',
    unit: '',
    better: 'less',
    floor: 1.5,
    must: 1.2,
    aim: 1.05,
  },
} as const satisfies Readonly<Record<string, Goal>>;
