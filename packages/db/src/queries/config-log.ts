import type { UtcInstant } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { storableJson, storableText } from '../storable.js';

/** A configuration that is about to be sent to a plant's ESM. */
export interface NewConfigRequest {
  readonly orgId: string;
  readonly plantId: string;
  /** A user's id; null where who asked has none. */
  readonly requestedBy: string | null;
  /** By which the ESM is asked what became of it; 1 to 200 characters. */
  readonly requestCode: string;
  readonly validateOnly: boolean;
  readonly configSnapshot: Readonly<Record<string, unknown>>;
}

/** One entry of a plant's config log. */
export interface ConfigLogRecord {
  readonly orgId: string;
  readonly id: number;
  readonly plantId: string;
  readonly requestedBy: string | null;
  readonly requestCode: string | null;
  readonly resultCode: string | null;
  readonly message: string | null;
  readonly isTerminal: boolean;
  readonly isError: boolean;
  readonly validateOnly: boolean;
  readonly configSnapshot: Readonly<Record<string, unknown>> | null;
  readonly sentAt: UtcInstant | null;
  readonly respondedAt: UtcInstant | null;
  readonly createdAt: UtcInstant;
}

const COLUMNS = `
  l.org_id as "orgId", l.id::float8 as id, l.plant_id as "plantId", l.requested_by as "requestedBy",
  l.request_code as "requestCode", l.result_code as "resultCode", l.message, l.is_terminal as "isTerminal",
  l.is_error as "isError", l.validate_only as "validateOnly", l.config_snapshot as "configSnapshot",
  app.instant_text(l.sent_at) as "sentAt", app.instant_text(l.responded_at) as "respondedAt",
  app.instant_text(l.created_at) as "createdAt"`;

const BEGIN = `
  insert into app.config_log as l
    (org_id, plant_id, requested_by, request_code, validate_only, config_snapshot, sent_at, created_at)
  select $1::uuid, $2::uuid, $3::uuid, $4::text, $5::boolean, $6::jsonb, at, at from (select clock_timestamp() as at) t
  returning ${COLUMNS}`;

/**
 * Writes down that a configuration is being sent. To be committed before it is: what is sent and then forgotten could not
 * be found again.
 */
export async function beginConfigRequest(trx: Trx, request: NewConfigRequest): Promise<ConfigLogRecord> {
  const { orgId, plantId, requestedBy, requestCode, validateOnly, configSnapshot } = request;
  const [entry] = await trx.query<ConfigLogRecord>(
    prepared(BEGIN, [orgId, plantId, requestedBy, requestCode, validateOnly, storableJson(configSnapshot)]),
  );
  if (entry === undefined) throw new Error('the entry was inserted without an answer');
  return entry;
}

/** What is known of a configuration that was sent. */
export interface ConfigAnswer {
  readonly resultCode: string;
  readonly message: string | null;
  readonly isTerminal: boolean;
  readonly isError: boolean;
  /** Whether the ESM said so. */
  readonly isFromEsm: boolean;
}

const UPDATE = `
  update app.config_log l
     set result_code = $3, message = $4, is_terminal = $5, is_error = $6,
       responded_at = case when $7::boolean then clock_timestamp() else l.responded_at end
   where l.org_id = $1::uuid and l.id = $2::int8 and not l.is_terminal
  returning ${COLUMNS}`;
const ONE = `select ${COLUMNS} from app.config_log l where l.org_id = $1::uuid and l.id = $2::int8`;
const LONGEST_MESSAGE = 2_000;

/** Writes down what is known of a request now; what is terminal stays as it is. @returns the entry as it stands */
export async function updateConfigRequest(
  trx: Trx,
  { orgId, id }: Pick<ConfigLogRecord, 'orgId' | 'id'>,
  { resultCode, message, isTerminal, isError, isFromEsm }: ConfigAnswer,
): Promise<ConfigLogRecord> {
  const text = message === null || message === '' ? null : storableText(message).slice(0, LONGEST_MESSAGE);
  const values = [orgId, id, storableText(resultCode), text, isTerminal, isError, isFromEsm];
  const [changed] = await trx.query<ConfigLogRecord>(prepared(UPDATE, values));
  const [entry] = changed === undefined ? await trx.query<ConfigLogRecord>(prepared(ONE, [orgId, id])) : [changed];
  if (entry === undefined) throw new Error('the entry is gone');
  return entry;
}

/** A request of which the last word is not said. */
export interface OpenConfigRequest extends ConfigLogRecord {
  /** Whether the time for that is over. */
  readonly isOverdue: boolean;
}

const STILL_OPEN = `
  select ${COLUMNS}, l."isOverdue"
    from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select l.*, l.created_at <= clock_timestamp() - $1::float8 * interval '1 millisecond' as "isOverdue"
        from app.config_log l
       where l.org_id = o.org_id and not l.is_terminal
         and (l.result_code is not null or l.created_at <= clock_timestamp() - $2::float8 * interval '1 millisecond')
       order by "isOverdue" desc, random() limit $3::int8) l`;

/**
 * Requests in scope of which the last word is not said, so many of each organisation at most: first those that are overdue,
 * then any, because whoever asks may not come to the end.
 *
 * @param overdueAfterMs age from which a request is overdue
 * @param askedWithinMs age up to which whoever sent it may still be waiting for the first answer; those are left out
 */
export function listOpenConfigRequests(
  trx: Trx,
  {
    overdueAfterMs,
    askedWithinMs,
    limitEach,
  }: { readonly overdueAfterMs: number; readonly askedWithinMs: number; readonly limitEach: number },
): Promise<OpenConfigRequest[]> {
  return trx.query<OpenConfigRequest>(prepared(STILL_OPEN, [overdueAfterMs, askedWithinMs, limitEach]));
}
