import { STATUS_CODES } from 'node:http';
import { ownProblem } from '@quarterhour/contracts';
import type { OwnProblem } from '@quarterhour/contracts';
import { textOfRefusal } from '../refusal.js';
import type { RequestIssue } from '../refusal.js';
import type { Surface } from '../surface.js';

/**
 * Our own API, and the answers of addresses that belong to no surface.
 *
 * @see RFC 9457, problem details for HTTP APIs
 */
export const ownSurface: Surface = {
  name: 'own',
  title: 'Quarterhour API',
  version: '1.0.0',
  description:
    'What arrived, what became of it and why: dispatch details, receipts, trading config events, quarantine and what is decided about it, ingestion counts.',
  basePath: '/quarterhour/v1',
  invalidStatus: 400,
  errorSchemas: { invalid: ownProblem, other: ownProblem },
  errorContentType: 'application/problem+json',
  present(refusal, requestId) {
    const { status, code, detail, headers } = textOfRefusal(refusal, 400);
    const body: OwnProblem = {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      code,
      request_id: requestId,
      ...(refusal.kind === 'invalid' ? { errors: refusal.issues.map(itemOf) } : {}),
    };
    return { status, contentType: 'application/problem+json', headers, body };
  },
};

function itemOf({ in: part, path, code, message }: RequestIssue): NonNullable<OwnProblem['errors']>[number] {
  return { in: part, path: [...path], code, message };
}
