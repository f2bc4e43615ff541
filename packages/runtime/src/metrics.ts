import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
  collectDefaultMetrics,
} from 'prom-client';

/** Label names, each with the values it may take. A value outside is counted as `other`. */
export type LabelValues = Readonly<Record<string, readonly string[]>>;

/** One value per label. */
export type LabelsOf<L extends LabelValues> = { readonly [Name in keyof L]: L[Name][number] };

/** What a metric is. */
export interface MetricDeclaration<L extends LabelValues> {
  /** Full name in Prometheus' manner, with its unit: `quarterhour_ingest_batch_seconds`. */
  name: string;
  /** What it counts, in one sentence. */
  help: string;
  /** Default: no labels. At most 1,000 combinations. */
  labels?: L;
}

/** A number that only grows. Every combination of labels exists from the start, at zero. */
export interface Counter<L extends LabelValues> {
  /** @param amount zero or more, default 1 */
  add(labels: LabelsOf<L>, amount?: number): void;
}

/** A number that goes up and down. */
export interface Gauge<L extends LabelValues> {
  set(labels: LabelsOf<L>, value: number): void;
}

/** A distribution, kept as counts per upper bound. */
export interface Histogram<L extends LabelValues> {
  observe(labels: LabelsOf<L>, value: number): void;
}

/** The metrics of one process, in a registry of its own. */
export interface Metrics {
  /** @throws MetricDeclarationError when the name is taken or the labels allow too many combinations */
  counter<const L extends LabelValues>(declaration: MetricDeclaration<L>): Counter<L>;
  /**
   * @param declaration `collect` is called before each rendering, to set values that are cheaper to ask than to track
   * @throws MetricDeclarationError as for a counter
   */
  gauge<const L extends LabelValues>(
    declaration: MetricDeclaration<L> & { collect?: (gauge: Gauge<L>) => void },
  ): Gauge<L>;
  /**
   * @param declaration `buckets` are the upper bounds, ascending, in the unit of the name
   * @throws MetricDeclarationError as for a counter
   */
  histogram<const L extends LabelValues>(
    declaration: MetricDeclaration<L> & { buckets: readonly number[] },
  ): Histogram<L>;
  /** All metrics in Prometheus' text format. */
  render(): Promise<string>;
  /** The content type of {@link render}. */
  readonly contentType: string;
}

/** A metric was declared twice, or with labels that are not bounded tightly enough. */
export class MetricDeclarationError extends Error {
  override readonly name = 'MetricDeclarationError';
  readonly code = 'METRIC_DECLARATION';
}

const OTHER = 'other';
const MOST_COMBINATIONS = 1000;

/**
 * Makes an empty set of metrics.
 *
 * @param options `processMetrics` adds processor time, memory and event-loop delay of this process
 */
export function createMetrics(options: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });

  const common = <L extends LabelValues>({ name, help, labels }: MetricDeclaration<L>) => {
    if (registry.getSingleMetric(name) !== undefined)
      throw new MetricDeclarationError(`metric ${name} is declared twice`);
    if (combinationCount(labels ?? {}) > MOST_COMBINATIONS) {
      throw new MetricDeclarationError(`metric ${name} has more than ${MOST_COMBINATIONS} combinations of labels`);
    }
    return { name, help, labelNames: Object.keys(labels ?? {}), registers: [registry] };
  };

  return {
    counter(declaration) {
      const target = new PromCounter(common(declaration));
      for (const labels of combinations(declaration.labels ?? {})) target.inc(labels, 0);
      return { add: (labels, amount = 1) => target.inc(bounded(declaration.labels, labels), amount) };
    },
    gauge(declaration) {
      const { collect } = declaration;
      const settings = common(declaration);
      const target = new PromGauge(collect === undefined ? settings : { ...settings, collect: () => collect(gauge) });
      const gauge: Gauge<NonNullable<(typeof declaration)['labels']>> = {
        set: (labels, value) => target.set(bounded(declaration.labels, labels), value),
      };
      return gauge;
    },
    histogram(declaration) {
      const target = new PromHistogram({ ...common(declaration), buckets: [...declaration.buckets] });
      return { observe: (labels, value) => target.observe(bounded(declaration.labels, labels), value) };
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function combinationCount(labels: LabelValues): number {
  return Object.values(labels).reduce((count, values) => count * (values.length + 1), 1);
}

function combinations(labels: LabelValues): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (found, [name, values]) => found.flatMap((rest) => values.map((value) => ({ ...rest, [name]: value }))),
    [{}],
  );
}

function bounded(declared: LabelValues | undefined, labels: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, allowed] of Object.entries(declared ?? {})) {
    const value = labels[name];
    kept[name] = value !== undefined && allowed.includes(value) ? value : OTHER;
  }
  return kept;
}
