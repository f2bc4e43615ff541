import type { Trx } from '../pool.js';
import { queryPage, type KeyColumns, type Projection } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';
import type { CountedPage } from './api-keys.js';
import type { PlantRow } from './register.js';

/** One page of a plant's log, newest first, by its number. */
export interface PlantLogQuery {
  readonly plant: Pick<PlantRow, 'orgId' | 'id'>;
  /** Rows that come before the page. */
  readonly offset: number;
  readonly limit: number;
}

/** Which commands of a plant, and which page of them. */
export interface CommandLogQuery extends PlantLogQuery {
  readonly commandType?: string;
}

/** Columns that a projection of relayed commands may show. */
export type CommandLogColumn =
  | 'org_id'
  | 'id'
  | 'site_id'
  | 'command_type'
  | 'routing_key'
  | 'message_id'
  | 'correlation_id'
  | 'payload'
  | 'status'
  | 'ack_status'
  | 'rejection_reason'
  | 'executed_at'
  | 'created_at';

/** Columns that a projection of configurations sent to an ESM may show. */
export type ConfigLogColumn =
  | 'id'
  | 'plant_id'
  | 'requested_by'
  | 'request_code'
  | 'result_code'
  | 'message'
  | 'is_terminal'
  | 'is_error'
  | 'validate_only'
  | 'config_snapshot'
  | 'sent_at'
  | 'responded_at'
  | 'created_at';

/** Schedules are commands to us, and none to whoever asks what was commanded. */
const NO_SCHEDULE = `l.command_type not in ('SCHEDULE_CREATE', 'SCHEDULE_CANCEL')`;

/** One page of the commands that were sent for a plant, or of those of one kind. */
export function listCommandLog(
  trx: Trx,
  { commandType, ...query }: CommandLogQuery,
  projection: Projection<CommandLogColumn>,
): Promise<CountedPage> {
  const parameters = new StatementParameters();
  const kind = commandType === undefined ? NO_SCHEDULE : `l.command_type = ${parameters.bind(commandType)}`;
  const conditions = [kind];
  return plantLog(trx, query, { table: 'app.command_log', conditions, parameters, projection, key: COMMAND_KEY });
}

/** One page of the configurations that were sent to a plant's ESM. */
export function listConfigLog(
  trx: Trx,
  query: PlantLogQuery,
  projection: Projection<ConfigLogColumn>,
): Promise<CountedPage> {
  const parameters = new StatementParameters();
  return plantLog(trx, query, { table: 'app.config_log', conditions: [], parameters, projection, key: CONFIG_KEY });
}

const COMMAND_KEY: KeyColumns<{ readonly id: string }> = { id: { column: 'id', as: 'uuid' } };
const CONFIG_KEY: KeyColumns<{ readonly id: number }> = { id: { column: 'id', as: 'integer' } };

interface PlantLog<Key, Column extends string> {
  readonly table: 'app.command_log' | 'app.config_log';
  readonly conditions: readonly string[];
  readonly parameters: StatementParameters;
  readonly projection: Projection<Column>;
  readonly key: KeyColumns<Key>;
}

async function plantLog<Key, Column extends string>(
  trx: Trx,
  { plant, offset, limit }: PlantLogQuery,
  { table, conditions, parameters, projection, key }: PlantLog<Key, Column>,
): Promise<CountedPage> {
  const organisation = `l.org_id = ${parameters.bind(plant.orgId)}::uuid`;
  const ofPlant = `l.plant_id = ${parameters.bind(plant.id)}::uuid`;
  const found = `from ${table} l where ${[organisation, ofPlant, ...conditions].join(' and ')}`;
  const [counted] = await trx.query<{ total: number }>(
    prepared(`select count(*)::int as total ${found}`, [...parameters.values]),
  );
  const rows = `
    select l.* ${found}
    order by l.created_at desc, l.id desc
    offset ${parameters.bind(offset)}::int8 limit ${parameters.bind(limit)}::int8`;
  const { json } = await queryPage(trx, { rows, parameters, projection, key, limit });
  return { json, total: counted?.total ?? 0 };
}
