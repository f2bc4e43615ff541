import { sleep } from './clock.js';

/** What a check found. */
export interface HealthReport {
  ok: boolean;
  /** For whoever looks; plain JSON without secrets. */
  detail?: Readonly<Record<string, unknown>>;
}

/** One question that decides whether the process can do its work. */
export interface HealthCheck {
  /** Key in the answer of `/readyz`, in kebab-case. */
  name: string;
  /** Answers within two seconds; later, or an error, counts as `ok: false`. */
  check(): Promise<HealthReport>;
}

/** The answers of all checks. */
export interface Readiness {
  /** True when every check is ok, also when there is none. */
  ok: boolean;
  checks: Readonly<Record<string, HealthReport>>;
}

const CHECK_TIMEOUT_MS = 2000;

/**
 * Asks all checks at the same time. Never rejects and never takes longer than `timeoutMs`: a check that fails to answer
 * has answered.
 *
 * @param timeoutMs default 2,000
 */
export async function readiness(checks: readonly HealthCheck[], timeoutMs = CHECK_TIMEOUT_MS): Promise<Readiness> {
  const reports = await Promise.all(checks.map((check) => ask(check, timeoutMs)));
  return {
    ok: reports.every(({ ok }) => ok),
    checks: Object.fromEntries(checks.map(({ name }, index) => [name, reports[index] ?? { ok: false }])),
  };
}

async function ask(check: HealthCheck, timeoutMs: number): Promise<HealthReport> {
  const answered = new AbortController();
  const overdue = sleep(timeoutMs, answered.signal).then(() => ({ ok: false, detail: { error: 'no answer in time' } }));
  try {
    return await Promise.race([check.check(), overdue]);
  } catch (error) {
    return { ok: false, detail: { error: error instanceof Error ? error.name : 'unknown', ...codeOf(error) } };
  } finally {
    answered.abort();
  }
}

function codeOf(error: unknown): { code?: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
}
