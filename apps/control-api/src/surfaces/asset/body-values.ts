import { canonicalDecimal, compareInstants, type UtcInstant } from '@quarterhour/domain';
import { InvalidRequestError, type RequestIssue } from '@quarterhour/http';

/** A decimal that may be left out, or null, in its canonical form. */
export function decimalOf(text: string | null | undefined): string | null {
  return text == null ? null : canonicalDecimal(text);
}

/** What is wrong with a span whose end is not later than its start; undefined for one that is right. */
export function backwardSpan(start: UtcInstant, end: UtcInstant, path: RequestIssue['path']): RequestIssue | undefined {
  if (compareInstants(end, start) > 0) return undefined;
  return inBody(path, { code: 'window_reversed', message: `The end has to be later than ${start}`, input: end });
}

/** A complaint about what stands at a place of the body. */
export function inBody(
  path: RequestIssue['path'],
  complaint: Pick<RequestIssue, 'code' | 'message' | 'input' | 'context'>,
): RequestIssue {
  return { in: 'body', path, ...complaint };
}

/** @throws InvalidRequestError when there is a complaint */
export function assertNone(complaints: readonly (RequestIssue | undefined)[]): void {
  const found = complaints.filter((complaint) => complaint !== undefined);
  if (found.length > 0) throw new InvalidRequestError(found);
}
