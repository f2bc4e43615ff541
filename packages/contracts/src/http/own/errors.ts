import { z } from 'zod';

/** One complaint about a request to our own API: where it is, its stable code, and a sentence. */
export const ownRequestIssue = z
  .strictObject({
    in: z.enum(['path', 'query', 'header', 'body']),
    path: z.array(z.union([z.string(), z.int()])),
    code: z.string().min(1),
    message: z.string().min(1),
  })
  .meta({ id: 'RequestIssue', description: 'One complaint about the request.' });

/**
 * Error body of our own API.
 *
 * `code` is stable and in capitals; `request_id` is the one of the header `X-Request-Id` and of the log.
 *
 * @see RFC 9457, problem details for HTTP APIs
 */
export const ownProblem = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string().min(1).meta({ description: 'Reason phrase of the status.' }),
    status: z.int().min(400).max(599),
    detail: z.string().min(1),
    code: z.string().regex(/^[A-Z][A-Z_]*$/),
    request_id: z.string().min(1),
    errors: z.array(ownRequestIssue).min(1).optional(),
  })
  .meta({ id: 'ProblemDetails', description: 'Why the request was not answered.' });
export type OwnProblem = z.infer<typeof ownProblem>;
