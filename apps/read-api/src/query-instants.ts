import {
  compareInstants,
  DomainError,
  epochSeconds,
  microsOfSecond,
  parseDeliveryDay,
  parseInstant,
  type UtcInstant,
} from '@quarterhour/domain';
import { InvalidRequestError, type RequestIssue } from '@quarterhour/http';

export function instantIn(name: string, text: string): UtcInstant {
  return read(name, text, parseInstant);
}

export function deliveryDayIn(name: string, text: string): string {
  return read(name, text, parseDeliveryDay);
}

export interface Window {
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
}

export function windowOf(query: { readonly from?: string | undefined; readonly to?: string | undefined }): Window {
  const from = query.from === undefined ? undefined : instantIn('from', query.from);
  const to = query.to === undefined ? undefined : instantIn('to', query.to);
  if (from !== undefined && to !== undefined) assertForward(from, to);
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** A window of which both ends are given. */
export function requiredWindowOf(query: { readonly from: string; readonly to: string }): Required<Window> {
  const window = { from: instantIn('from', query.from), to: instantIn('to', query.to) };
  assertForward(window.from, window.to);
  return window;
}

export function assertForward(from: UtcInstant, to: UtcInstant): void {
  if (compareInstants(to, from) < 0) {
    throw refused('to', to, { code: 'window_reversed', message: 'to lies before from' });
  }
}

/** @throws InvalidRequestError `window_too_long` when a window spans more than so many days of 24 hours */
export function assertAtMost({ from, to }: Window, days: number): void {
  if (from === undefined || to === undefined) return;
  const wholeSeconds = epochSeconds(to) - epochSeconds(from);
  const rest = microsOfSecond(to) - microsOfSecond(from);
  const most = days * SECONDS_PER_DAY;
  if (wholeSeconds < most || (wholeSeconds === most && rest <= 0)) return;
  throw refused('to', to, {
    code: 'window_too_long',
    message: `to lies more than ${days} days after from`,
    context: { max_days: days },
  });
}

const SECONDS_PER_DAY = 86_400;

export function refused(
  name: string,
  input: unknown,
  complaint: Pick<RequestIssue, 'code' | 'message' | 'context'>,
): InvalidRequestError {
  return new InvalidRequestError([{ in: 'query', path: [name], input, ...complaint }]);
}

function read<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw refused(name, text, { code: error.code, message: error.message });
  }
}
