import type { EsmConfigUpdate, EsmPlantConfig, TimeConfig } from '@quarterhour/contracts';
import {
  beginConfigRequest,
  listOpenConfigRequests,
  listOrganisations,
  recordAudit,
  updateConfigRequest,
  type ConfigAnswer,
  type ConfigLogRecord,
  type OpenConfigRequest,
} from '@quarterhour/db';
import type { Clock, Logger } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { openEsmAccess, type AccessContext, type EsmAccess } from './access.js';
import type { EsmClient } from './client.js';
import { EsmError } from './esm-error.js';

/** What sending configurations takes. */
export interface PlantConfigContext extends AccessContext {
  readonly client: Pick<EsmClient, 'readConfig' | 'sendConfig' | 'readResult'>;
  readonly clock: Pick<Clock, 'monotonicMillis'>;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** Who sends what to which plant. */
export interface ConfigToSend {
  readonly access: EsmAccess;
  readonly plantId: string;
  /** By which the ESM knows the plant. */
  readonly externalPlantId: string;
  readonly timeConfigs: readonly TimeConfig[];
  readonly validateOnly: boolean;
  readonly by: string;
  /** The same as an id; null when it is none. */
  readonly requestedBy: string | null;
}

/** Result codes that are ours, where the ESM has none to give. */
export const OUR_RESULT_CODES = {
  /** Nothing was sent: the ESM is out of reach, or does not let us in. Ends it. */
  notSent: 'NOT_SENT',
  /** The ESM did not take it, and said no code. Ends it. */
  refused: 'REFUSED',
  /** It was sent; whether the ESM has it is found out later. */
  unknown: 'OUTCOME_UNKNOWN',
  /** The ESM holds what was sent. Ends it. */
  confirmed: 'CONFIRMED_BY_READING',
  /** It is not known, and nobody asks any more. Ends it. */
  noResult: 'NO_RESULT_IN_TIME',
} as const;

/** Their snapshot names the plant as the ESM did when it was sent. */
const snapshot = z.object({ plantId: z.string(), timeConfigs: z.array(z.looseObject({ from: z.string() })) });

/**
 * Sends a configuration to a plant's ESM: once, and written down before and after.
 *
 * @returns the entry of the config log, also when the ESM refused it or its answer is not known yet
 * @throws EsmError when nothing was sent, or the ESM does not know the plant; the entry says so as well
 */
export async function sendPlantConfig(ctx: PlantConfigContext, toSend: ConfigToSend): Promise<ConfigLogRecord> {
  const { access, externalPlantId, timeConfigs, validateOnly } = toSend;
  const entry = await begun(ctx, toSend);
  const requestCode = entry.requestCode ?? '';
  try {
    const update: EsmConfigUpdate = { requestCode, plantId: externalPlantId, validateOnly, timeConfigs };
    return await noted(ctx, entry, { ...(await ctx.client.sendConfig(access, update)), isFromEsm: true });
  } catch (error) {
    if (!(error instanceof EsmError)) throw error;
    const { orgId } = access;
    ctx.log.warn({ err: error, organisation: orgId, request: requestCode }, 'a configuration got no proper answer');
    const after = await noted(ctx, entry, answerOf(error));
    if (error.mayHaveHappened || error.code === 'ESM_REFUSED') return after;
    throw error;
  }
}

async function begun({ db }: PlantConfigContext, toSend: ConfigToSend): Promise<ConfigLogRecord> {
  const { access, plantId, externalPlantId, timeConfigs, validateOnly, by, requestedBy } = toSend;
  const { orgId } = access;
  const requestCode = uuidv7();
  const configSnapshot = { plantId: externalPlantId, timeConfigs };
  return db.transaction([orgId], async (trx) => {
    const request = { orgId, plantId, requestedBy, requestCode, validateOnly, configSnapshot };
    const entry = await beginConfigRequest(trx, request);
    const detail = { request_code: requestCode, config_log_id: entry.id, blocks: timeConfigs.length };
    const action = validateOnly ? 'plant.try-config' : 'plant.configure';
    await recordAudit(trx, [{ orgId, actor: by, action, subject: plantId, detail }]);
    return entry;
  });
}

function noted(
  { db }: PlantConfigContext,
  entry: Pick<ConfigLogRecord, 'orgId' | 'id'>,
  answer: ConfigAnswer,
): Promise<ConfigLogRecord> {
  return db.transaction([entry.orgId], (trx) => updateConfigRequest(trx, entry, answer));
}

function answerOf({ code, status, mayHaveHappened }: EsmError): ConfigAnswer {
  if (mayHaveHappened) return ours('unknown', 'The answer is not known; it is being found out.', { isTerminal: false });
  if (code === 'ESM_REFUSED' || code === 'ESM_NOT_FOUND') {
    return { ...ours('refused', `The ESM answered with status ${status ?? 0}.`), isFromEsm: true };
  }
  return ours('notSent', `Nothing was sent: ${code}.`);
}

function ours(
  code: keyof typeof OUR_RESULT_CODES,
  message: string,
  { isTerminal = true, isError = isTerminal }: { readonly isTerminal?: boolean; readonly isError?: boolean } = {},
): ConfigAnswer {
  return { resultCode: OUR_RESULT_CODES[code], message, isTerminal, isError, isFromEsm: false };
}

/** How long the last word on a configuration is waited for. */
export interface ResultLimits {
  /** Then nobody asks any more. */
  readonly overdueAfterMs: number;
  /** How long a request without any answer is left to whoever sent it. */
  readonly askedWithinMs: number;
}

const MOST_OF_ONE = 50;
const ORGANISATIONS_AT_ONCE = 4;
/** After this long an organisation's turn is over: its ESM may take its time, but not that of the others. */
const TURN_MS = 10_000;

/**
 * Asks what became of configurations whose last word is not said. They are not sent again: where the ESM does not know a
 * request, what it holds is compared with what was sent.
 *
 * @throws what is our fault, when every organisation had its turn
 */
export async function findOutResults(ctx: PlantConfigContext, limits: ResultLimits): Promise<void> {
  const everybody = (await ctx.db.read([], listOrganisations)).map(({ id }) => id);
  const asked = { ...limits, limitEach: MOST_OF_ONE };
  const open = await ctx.db.read(everybody, (trx) => listOpenConfigRequests(trx, asked));
  const byOrganisation = [...grouped(open)];
  const failures: unknown[] = [];
  const next = async (): Promise<void> => {
    for (let each = byOrganisation.shift(); each !== undefined; each = byOrganisation.shift()) {
      await findOut(ctx, ...each).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: ORGANISATIONS_AT_ONCE }, next));
  if (failures.length > 0) throw failures[0];
}

function grouped(requests: readonly OpenConfigRequest[]): ReadonlyMap<string, OpenConfigRequest[]> {
  const groups = new Map<string, OpenConfigRequest[]>();
  for (const request of requests) groups.set(request.orgId, [...(groups.get(request.orgId) ?? []), request]);
  return groups;
}

/** Whoever gives no answer at all, or lets nobody in, is not asked about the others, either. */
async function findOut(ctx: PlantConfigContext, orgId: string, requests: readonly OpenConfigRequest[]): Promise<void> {
  const turnEnds = ctx.clock.monotonicMillis() + TURN_MS;
  let access = await openEsmAccess(ctx, orgId);
  for (const request of requests) {
    if (ctx.stopping.aborted || ctx.clock.monotonicMillis() >= turnEnds) return;
    try {
      const answer = access === null ? null : await resultOf(ctx, access, request);
      if (answer !== null) {
        const after = await noted(ctx, request, answer);
        if (after.isTerminal) continue;
      }
    } catch (error) {
      if (!(error instanceof EsmError)) throw error;
      ctx.log.warn({ err: error, organisation: orgId, request: request.requestCode }, 'a result could not be read');
      if (error.status === null || error.code === 'ESM_UNAUTHORIZED') access = null;
    }
    if (request.isOverdue) await noted(ctx, request, ours('noResult', 'The ESM gave no result in time.'));
  }
}

/** Null when there is nothing to say yet. */
async function resultOf(
  { client }: PlantConfigContext,
  access: EsmAccess,
  { requestCode, validateOnly, configSnapshot }: OpenConfigRequest,
): Promise<ConfigAnswer | null> {
  const result = await unlessUnknown(() => client.readResult(access, requestCode ?? ''));
  if (result !== null) return { ...result, isFromEsm: true };
  const sent = snapshot.safeParse(configSnapshot);
  if (validateOnly || !sent.success) return null;
  const config = await unlessUnknown(() => client.readConfig(access, sent.data.plantId));
  if (config === null || !holds(config, sent.data.timeConfigs)) return null;
  return ours('confirmed', 'The ESM holds what was sent.', { isError: false });
}

/** Null for what the ESM does not know, or does not know how to tell. */
async function unlessUnknown<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof EsmError && (error.code === 'ESM_NOT_FOUND' || error.code === 'ESM_REFUSED')) return null;
    throw error;
  }
}

type Block = Readonly<Record<string, unknown>> & { readonly from: string };

function holds({ timeConfigs }: EsmPlantConfig, sent: readonly Block[]): boolean {
  return JSON.stringify(inOrder(timeConfigs)) === JSON.stringify(inOrder(sent));
}

function inOrder(blocks: readonly Block[]): unknown[] {
  return blocks
    .toSorted((left, right) => (left.from < right.from ? -1 : 1))
    .map(({ from, to, pBatMin, pBatMax, socMin, socMax }) => [from, to, pBatMin, pBatMax, socMin, socMax]);
}
