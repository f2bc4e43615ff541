import { assetProblem, assetValidationProblem } from '@quarterhour/contracts';
import type { AssetProblem, AssetValidationIssue, AssetValidationProblem } from '@quarterhour/contracts';
import { textOfRefusal } from '../refusal.js';
import type { Refusal, RequestIssue } from '../refusal.js';
import type { Surface } from '../surface.js';

/** The asset API: `{ "detail": … }`, an array of complaints for 422, a sentence for everything else. */
export const assetSurface: Surface = {
  name: 'asset',
  title: 'Quarterhour asset API',
  version: '1.0.0',
  description:
    'Flexible energy assets: master records, lifecycle, status, dispatches, state of energy, limits, forecasts, reservations, technical data, sites.',
  basePath: '/asset-api/v1',
  invalidStatus: 422,
  errorSchemas: { invalid: assetValidationProblem, other: assetProblem },
  errorContentType: 'application/json',
  maxBodyBytes: 5 * 1_048_576,
  present(refusal) {
    const { status, detail, headers } = textOfRefusal(refusal, 422);
    return { status, contentType: 'application/json', headers, body: bodyOf(refusal, detail) };
  },
};

function bodyOf(refusal: Refusal, detail: string): AssetProblem | AssetValidationProblem {
  return refusal.kind === 'invalid' ? { detail: refusal.issues.map(itemOf) } : { detail };
}

function itemOf({ in: part, path, code, message, input, context }: RequestIssue): AssetValidationIssue {
  return {
    loc: [part, ...path],
    msg: message,
    type: code,
    ...(input === undefined ? {} : { input }),
    ...(context === undefined ? {} : { ctx: { ...context } }),
  };
}
