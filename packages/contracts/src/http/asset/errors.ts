import { z } from 'zod';

/** Error body of the asset API for everything but validation: one sentence. */
export const assetProblem = z.strictObject({ detail: z.string().min(1) }).meta({
  id: 'Problem',
  description: 'Why the request was not answered.',
});
export type AssetProblem = z.infer<typeof assetProblem>;

/**
 * One complaint about a request.
 *
 * `loc` begins with `body`, `query`, `path` or `header`, then names and array indexes. `type` is stable; `input` repeats
 * what was sent, `ctx` carries the bound that was broken. Both may be missing.
 */
export const assetValidationIssue = z
  .strictObject({
    loc: z.array(z.union([z.string(), z.int()])).min(1),
    msg: z.string().min(1),
    type: z.string().min(1),
    input: z.unknown().optional(),
    ctx: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'ValidationErrorItem', description: 'One complaint: where, what, and its stable type.' });
export type AssetValidationIssue = z.infer<typeof assetValidationIssue>;

/** Body of a 422 of the asset API: every complaint at once. */
export const assetValidationProblem = z.strictObject({ detail: z.array(assetValidationIssue).min(1) }).meta({
  id: 'HTTPValidationError',
  description: 'The request breaks a rule; nothing was done.',
});
export type AssetValidationProblem = z.infer<typeof assetValidationProblem>;
