/** How much one run measures. Message counts are multiples of the fleet's plants. */
export interface Sizes {
  /** Free space that a run needs, for the time being. */
  readonly gigabytes: number;
  readonly rounds: number;
  /** Of each contestant, stored before the clock starts: the compiler is warm, connections are open. */
  readonly warmUp: { readonly naive: number; readonly product: number };
  /** Measured after them. */
  readonly messages: { readonly naive: number; readonly product: number };
  readonly latency: { readonly rounds: number; readonly seconds: number };
  /** Samples in the small database. */
  readonly fewSamples: number;
  /** Samples in the full database. */
  readonly manySamples: number;
  readonly growth: { readonly rounds: number; readonly messages: number };
  readonly dispatches: number;
  /** Of one measurement with the load generator or pgbench. */
  readonly loadSeconds: number;
  readonly orders: readonly ('asc' | 'desc')[];
  /** Sizes of the pages whose first and last are compared. */
  readonly deepLimits: readonly number[];
  readonly exportedAssets: number;
  /** Repetitions of one bucket query within a round. */
  readonly bucketQueries: number;
  /** Partners that are enabled, one after the other, and keys that are made for each of them then. */
  readonly trading: { readonly partners: number; readonly keys: number };
  /** Rows of limits, over all assets and three sources. */
  readonly limits: number;
}

export const FULL: Sizes = {
  gigabytes: 30,
  rounds: 5,
  warmUp: { naive: 1_000, product: 20_000 },
  messages: { naive: 4_000, product: 60_000 },
  latency: { rounds: 3, seconds: 10 },
  fewSamples: 1_000_000,
  manySamples: 50_000_000,
  growth: { rounds: 5, messages: 60_000 },
  dispatches: 5_000_000,
  loadSeconds: 4,
  orders: ['desc', 'asc'],
  deepLimits: [50, 1_000],
  exportedAssets: 20,
  bucketQueries: 5,
  trading: { partners: 8, keys: 4 },
  limits: 10_000_000,
};

export const QUICK: Sizes = {
  gigabytes: 3,
  rounds: 2,
  warmUp: { naive: 300, product: 10_000 },
  messages: { naive: 1_200, product: 20_000 },
  latency: { rounds: 1, seconds: 5 },
  fewSamples: 50_000,
  manySamples: 1_000_000,
  growth: { rounds: 2, messages: 10_000 },
  dispatches: 200_000,
  loadSeconds: 1,
  orders: ['desc'],
  deepLimits: [50],
  exportedAssets: 20,
  bucketQueries: 2,
  trading: { partners: 3, keys: 2 },
  limits: 900_000,
};
