import type {
  AssetColumn,
  AssetStatusColumn,
  ConnectionLimitColumn,
  DispatchColumn,
  Projection,
  SpecColumn,
} from '@quarterhour/db';

/** As `presentAsset` shows one. */
export const ASSET_PROJECTION: Projection<AssetColumn> = [
  { name: 'id', column: 'id', as: 'text' },
  { name: 'code', column: 'code', as: 'text' },
  { name: 'name', column: 'name', as: 'text' },
  { name: 'type', column: 'type', as: 'text' },
  { name: 'region', column: 'region', as: 'text' },
  { name: 'delivery_area', column: 'delivery_area', as: 'text' },
  { name: 'lifecycle', column: 'lifecycle', as: 'text' },
  { name: 'provider', column: 'provider', as: 'text' },
  { name: 'go_live_date', column: 'go_live_date', as: 'date' },
  { name: 'created_at', column: 'created_at', as: 'instant' },
  { name: 'updated_at', column: 'updated_at', as: 'instant' },
];

export const ASSET_STATUS_PROJECTION: Projection<AssetStatusColumn> = [
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'status', column: 'status', as: 'text' },
  { name: 'effective_at', column: 'effective_at', as: 'instant' },
  { name: 'reasons', column: 'reasons', as: 'json' },
  { name: 'created_at', column: 'received_at', as: 'instant' },
];

export const DISPATCH_PROJECTION: Projection<DispatchColumn> = [
  { name: 'source', column: 'source', as: 'text' },
  { name: 'event_id', column: 'event_id', as: 'uuid' },
  { name: 'published_at', column: 'published_at', as: 'instant' },
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'dispatch_time', column: 'dispatch_time', as: 'instant' },
  { name: 'delivery_period_start', column: 'delivery_period_start', as: 'instant' },
  { name: 'target_power', column: 'target_power_mw', as: { quantity: 'MW' } },
  { name: 'nominal_power', column: 'nominal_power_mw', as: { quantity: 'MW' } },
  { name: 'power_imbalance', column: 'power_imbalance_mw', as: { quantity: 'MW' } },
  { name: 'soc_imbalance', column: 'soc_imbalance_mwh', as: { quantity: 'MWh' } },
];

export const SPEC_PROJECTION: Projection<SpecColumn> = [
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'valid_from', column: 'valid_from', as: 'instant' },
  { name: 'valid_to', column: 'valid_to', as: 'instant' },
  { name: 'rated_power', column: 'rated_power_mw', as: { quantity: 'MW' } },
  { name: 'grid_connection_max_power', column: 'grid_connection_max_power_mw', as: { quantity: 'MW' } },
  { name: 'max_capacity', column: 'max_capacity_mwh', as: { quantity: 'MWh' } },
  { name: 'ramp_rate', column: 'ramp_rate_mw_per_minute', as: 'decimal' },
  { name: 'ramp_type', column: 'ramp_type', as: 'text' },
  { name: 'charge_efficiency', column: 'charge_efficiency', as: 'decimal' },
  { name: 'discharge_efficiency', column: 'discharge_efficiency', as: 'decimal' },
  { name: 'daily_cycle_energy_limit', column: 'daily_cycle_energy_limit_mwh', as: { quantity: 'MWh' } },
  { name: 'prequalified_fcr', column: 'prequalified_fcr_mw', as: { quantity: 'MW' } },
  { name: 'prequalified_afrr_charge', column: 'prequalified_afrr_charge_mw', as: { quantity: 'MW' } },
  { name: 'prequalified_afrr_discharge', column: 'prequalified_afrr_discharge_mw', as: { quantity: 'MW' } },
  { name: 'created_at', column: 'created_at', as: 'instant' },
  { name: 'updated_at', column: 'received_at', as: 'instant' },
];

export const CONNECTION_LIMIT_PROJECTION: Projection<ConnectionLimitColumn> = [
  { name: 'start_time', column: 'start_time', as: 'instant' },
  { name: 'end_time', column: 'end_time', as: 'instant' },
  { name: 'max_import_from_grid', column: 'max_import_mw', as: { quantity: 'MW' } },
  { name: 'max_export_to_grid', column: 'max_export_mw', as: { quantity: 'MW' } },
];
