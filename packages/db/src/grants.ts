import { LOGIN_ROLES, type LoginRole } from './roles.js';

type Privilege = 'select' | 'insert' | 'update' | 'delete';
type Grants = Partial<Readonly<Record<LoginRole, readonly Privilege[]>>>;

/** What is only added to: by the worker, and by a replay of what was set aside. */
const FACTS: Grants = { ingest: ['select', 'insert'], read: ['select'], control: ['select', 'insert'] };
/** What has a current version, or counts its copies. */
const VERSIONS: Grants = {
  ingest: ['select', 'insert', 'update'],
  read: ['select'],
  control: ['select', 'insert', 'update'],
};
/** What is agreed over HTTP, and what it displaces. */
const AGREED: Grants = { read: ['select'], control: ['select', 'insert', 'update', 'delete'] };
const DISPLACED: Grants = { read: ['select'], control: ['select', 'insert'] };

/**
 * What each login role may do with each table, and nothing else. Partitions are reached through their parents.
 *
 * TRUNCATE and REFERENCES are nobody's: row-level security does not cover them.
 */
export const TABLE_GRANTS: Readonly<Record<string, Grants>> = {
  'app.organisation': { ingest: ['select'], read: ['select'], control: ['select', 'update'] },
  'app.org_head': { ingest: ['select', 'update'], read: ['select'], control: ['select', 'update'] },
  'app.plant': { ingest: ['select'], read: ['select'], control: ['select', 'update'] },
  'app.device': { ingest: ['select'], read: ['select'], control: ['select'] },
  'app.asset': { ingest: ['select'], read: ['select'], control: ['select', 'insert', 'update', 'delete'] },
  'app.asset_owner': { ingest: ['select'], read: ['select'], control: ['select', 'insert'] },
  'app.asset_status': VERSIONS,
  'app.asset_status_history': FACTS,
  'app.answered_request': { control: ['select', 'insert', 'delete'] },
  'app.connection_point': { ingest: ['select'], ...AGREED },
  'app.inverter': AGREED,
  'app.inverter_asset': AGREED,
  'app.external_id': { ingest: ['select'], read: ['select'], control: ['select'] },
  'app.asset_spec': AGREED,
  'app.asset_spec_history': DISPLACED,
  'app.connection_point_limit': AGREED,
  'app.connection_point_limit_history': DISPLACED,
  'app.inverter_limit': AGREED,
  'app.inverter_limit_history': DISPLACED,
  'app.dispatch': FACTS,
  'app.trading_config_event': FACTS,
  'app.receipt': VERSIONS,
  'app.telemetry_realtime': VERSIONS,
  'app.telemetry_realtime_history': FACTS,
  'app.telemetry_meter': VERSIONS,
  'app.telemetry_meter_history': FACTS,
  'app.dirty_period': { ingest: ['select', 'insert', 'delete'], read: ['select'], control: ['select', 'insert'] },
  'app.telemetry_rollup': { ingest: ['select', 'insert', 'update'], read: ['select'] },
  'app.state_snapshot': AGREED,
  'app.state_snapshot_history': DISPLACED,
  'app.period_limit': AGREED,
  'app.period_limit_history': DISPLACED,
  'app.forecast': AGREED,
  'app.forecast_history': DISPLACED,
  'app.reservation': AGREED,
  'app.reservation_history': DISPLACED,
  'app.quarantine': { ingest: ['select', 'insert', 'update'], read: ['select'], control: ['select', 'update'] },
  'app.quarantine_day': { ingest: ['select', 'insert', 'update'] },
  'app.ingest_minute': { ingest: ['select', 'insert', 'update'], read: ['select'] },
  'app.trading_config': { ingest: ['select'], read: ['select'], control: ['select', 'insert', 'update'] },
  'app.partner_vhost': { ingest: ['select'], read: ['select'], control: ['select', 'insert', 'delete'] },
  'app.partner_queue': { read: ['select'], control: ['select', 'insert', 'update', 'delete'] },
  'app.fan_out_drop': { ingest: ['select', 'insert', 'update'], read: ['select'] },
  'app.api_key': { ingest: ['select'], read: ['select'], control: ['select', 'insert', 'update'] },
  'app.api_key_use': { read: ['select'], control: ['select'], usage: ['select', 'insert', 'update'] },
  'app.outbox': {
    ingest: ['select', 'insert', 'update', 'delete'],
    read: ['select'],
    control: ['select', 'insert', 'delete'],
  },
  'app.command_log': { ingest: ['select', 'insert', 'update'], read: ['select'], control: ['select'] },
  'app.schedule': { ingest: ['select', 'insert', 'update'], read: ['select'] },
  'app.schedule_slot': { ingest: ['select', 'insert', 'update'], read: ['select'] },
  'app.command_pace': { ingest: ['select', 'insert', 'update'] },
  'app.config_log': { read: ['select'], control: ['select', 'insert', 'update'] },
  'app.audit': { read: ['select'], control: ['select', 'insert'] },
  'ops.ingest_progress': { ingest: ['select', 'insert', 'update'] },
  'ops.suspect': { ingest: ['select', 'insert', 'update', 'delete'] },
  'ops.register_version': { ingest: ['select'], control: ['select'] },
  'ops.stream': { ingest: ['select'] },
  'ops.migration': { ingest: ['select'], read: ['select'], control: ['select'] },
  'ops.migration_lock': {},
  'ops.asset_counter': { control: ['select', 'insert', 'update'] },
  'ops.connection_point_counter': { control: ['select', 'insert', 'update'] },
};

const ALL_LOGIN_ROLES = Object.values(LOGIN_ROLES).join(', ');

/** The statements that make the grants what {@link TABLE_GRANTS} says, whatever they were. Run by the owner. */
export function grantStatements(): string[] {
  return [
    `grant usage on schema app, ops to ${ALL_LOGIN_ROLES}`,
    ...Object.entries(TABLE_GRANTS).flatMap(([table, grants]) => [
      `revoke all on ${table} from public, ${ALL_LOGIN_ROLES}`,
      ...Object.entries(LOGIN_ROLES).flatMap(([purpose, role]) => {
        const privileges = Object.entries(grants).find(([granted]) => granted === purpose)?.[1] ?? [];
        return privileges.length === 0 ? [] : [`grant ${privileges.join(', ')} on ${table} to ${role}`];
      }),
    ]),
    `grant execute on function ops.ensure_partition (text, date) to ${LOGIN_ROLES.ingest}, ${LOGIN_ROLES.control}`,
    `grant execute on function app.find_api_key (bytea) to ${LOGIN_ROLES.read}, ${LOGIN_ROLES.control}`,
  ];
}
