import { z } from 'zod';
import { instantOutput, uuidOutput } from '../outputs.js';
import { DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import { exportLimit, queryCursor, queryInstant, queryInteger, queryList } from '../query.js';

const MOST_ACTIONS = 20;

/** Query of `GET /quarterhour/v1/audit`: all filters narrow, `[from, to)` bounds when it was done. */
export const listAuditQuery = z.strictObject({
  limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
    .default(DEFAULT_PAGE_LIMIT)
    .meta({ description: 'Most entries of this page.' }),
  from: queryInstant.optional().meta({ description: 'Done then or later.' }),
  to: queryInstant.optional().meta({ description: 'Done before then.' }),
  actor: z.string().min(1).max(200).optional().meta({ description: 'Only what was done by this one.' }),
  action: queryList(
    z.string().regex(/^[a-z]+(\.[a-z-]+)+$/, { error: 'an action such as trading.enable' }),
    MOST_ACTIONS,
  )
    .optional()
    .meta({ description: 'Only these actions, repeated or comma-separated.' }),
  cursor: queryCursor.optional(),
});
export type ListAuditQuery = z.output<typeof listAuditQuery>;

/** The same for an export. */
export const exportAuditQuery = listAuditQuery.extend({ limit: exportLimit(pageLimitText(DEFAULT_PAGE_LIMIT)) });
export type ExportAuditQuery = z.output<typeof exportAuditQuery>;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * One audit entry: who did what to what, and when. Entries of an organisation are numbered without a gap, and each carries
 * the hash of the one before, so that none can be changed or taken out unnoticed.
 */
export const auditEntry = z
  .strictObject({
    organisation_id: uuidOutput.nullable().meta({ format: 'uuid', description: 'Null for what belongs to nobody.' }),
    seq: z.int().min(1).meta({ description: "Place in the organisation's chain." }),
    at: instantOutput.meta({ format: 'date-time' }),
    actor: z.string().meta({ description: 'Subject of a token, or name of a command or process.' }),
    action: z.string(),
    subject: z.string().meta({ description: 'What it was done to.' }),
    detail: z.record(z.string(), z.unknown()),
    previous_sha256: sha256,
    sha256,
  })
  .meta({ id: 'AuditEntry', description: 'Who did what, and when.' });
export type AuditEntryOutput = z.infer<typeof auditEntry>;

/** One page of audit entries, newest first. */
export const listAuditResponse = z
  .strictObject({
    entries: z.array(auditEntry).max(MAX_PAGE_LIMIT),
    limit: z.int().min(1).max(MAX_PAGE_LIMIT),
  })
  .meta({ id: 'AuditEntryList', description: 'One page of audit entries.' });
export type ListAuditResponse = z.infer<typeof listAuditResponse>;
