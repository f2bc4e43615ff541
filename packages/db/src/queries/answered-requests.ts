import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { storableJson } from '../storable.js';

/** What a request was answered that may be repeated. */
export interface AnsweredRequest {
  /** Chosen by the caller, unique within the organisation while it is remembered. */
  readonly key: string;
  /** What tells the request from another one with the same key. 32 bytes. */
  readonly requestSha256: Buffer;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const REMEMBERED = "interval '24 hours'";

const FIND = `
  select key, request_sha256 as "requestSha256", status, headers, body from app.answered_request
   where org_id = $1::uuid and key = $2 and answered_at > clock_timestamp() - ${REMEMBERED}`;

/** What was answered under a key within the last 24 hours; null for nothing. */
export async function findAnsweredRequest(trx: Trx, orgId: string, key: string): Promise<AnsweredRequest | null> {
  const [found] = await trx.query<AnsweredRequest>(prepared(FIND, [orgId, key]));
  return found ?? null;
}

const FORGET = `
  delete from app.answered_request where org_id = $1::uuid and answered_at <= clock_timestamp() - ${REMEMBERED}`;

const REMEMBER = `
  insert into app.answered_request (org_id, key, request_sha256, status, headers, body, answered_at)
  values ($1::uuid, $2, $3::bytea, $4::int, $5::jsonb, $6, clock_timestamp())`;

/**
 * Keeps an answer in the transaction of what it tells of, and forgets those that are too old. The organisation's head is
 * locked, so that two requests with one key come one after the other.
 */
export async function rememberAnswer(trx: Trx, orgId: string, answer: AnsweredRequest): Promise<void> {
  const { key, requestSha256, status, headers, body } = answer;
  await trx.query(prepared(FORGET, [orgId]));
  await trx.query(prepared(REMEMBER, [orgId, key, requestSha256, status, storableJson(headers), body]));
}
