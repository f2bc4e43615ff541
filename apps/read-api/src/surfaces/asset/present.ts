import type {
  AssetColumn,
  AssetStatusColumn,
  ConnectionLimitColumn,
  DispatchColumn,
  ForecastColumn,
  LimitProjection,
  Projection,
  ReservationColumn,
  SpecColumn,
  StateSnapshotColumn,
  StoredSnapshotColumn,
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

const LIMIT_VALUES = [
  { name: 'power_charge', column: 'power_charge_mw', as: { quantity: 'MW' } },
  { name: 'power_discharge', column: 'power_discharge_mw', as: { quantity: 'MW' } },
  { name: 'energy_low', column: 'energy_low_mwh', as: { quantity: 'MWh' } },
  { name: 'energy_high', column: 'energy_high_mwh', as: { quantity: 'MWh' } },
  { name: 'trading_locked', column: 'trading_locked', as: 'boolean' },
] as const;

export const LIMIT_PROJECTION: LimitProjection = {
  ofPeriod: [
    { name: 'asset_id', column: 'asset_id', as: 'text' },
    { name: 'start_time', column: 'start_time', as: 'instant' },
    { name: 'end_time', column: 'end_time', as: 'instant' },
    { name: 'delivery_day', column: 'delivery_day', as: 'date' },
    { name: 'computed_limits', as: { object: LIMIT_VALUES, unlessNull: 'start_time' } },
    { name: 'sources', column: 'sources', as: 'json' },
  ],
  ofSource: [
    { name: 'source', column: 'source', as: 'text' },
    ...LIMIT_VALUES,
    { name: 'created_at', column: 'created_at', as: 'instant' },
    { name: 'updated_at', column: 'updated_at', as: 'instant' },
  ],
};

export const FORECAST_PROJECTION: Projection<ForecastColumn> = [
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'start_time', column: 'start_time', as: 'instant' },
  { name: 'end_time', column: 'end_time', as: 'instant' },
  { name: 'delivery_day', column: 'delivery_day', as: 'date' },
  { name: 'generation', column: 'generation_mw', as: { quantity: 'MW' } },
  { name: 'consumption', column: 'consumption_mw', as: { quantity: 'MW' } },
  { name: 'import_from_grid_fee', column: 'import_fee_eur_per_mwh', as: 'decimal' },
  { name: 'created_at', column: 'created_at', as: 'instant' },
  { name: 'updated_at', column: 'updated_at', as: 'instant' },
];

export const RESERVATION_PROJECTION: Projection<ReservationColumn> = [
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'start_time', column: 'start_time', as: 'instant' },
  { name: 'end_time', column: 'end_time', as: 'instant' },
  { name: 'delivery_day', column: 'delivery_day', as: 'date' },
  { name: 'market', column: 'market', as: 'text' },
  { name: 'source', column: 'source', as: 'text' },
  { name: 'power', column: 'power_mw', as: { quantity: 'MW' } },
  { name: 'energy_change', column: 'energy_change_mwh', as: { quantity: 'MWh' } },
  { name: 'energy_buffer_low', column: 'energy_buffer_low_mwh', as: { quantity: 'MWh' } },
  { name: 'energy_buffer_high', column: 'energy_buffer_high_mwh', as: { quantity: 'MWh' } },
  { name: 'created_at', column: 'created_at', as: 'instant' },
  { name: 'updated_at', column: 'updated_at', as: 'instant' },
];

const STORED_SNAPSHOT: Projection<StoredSnapshotColumn> = [
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'effective_at', column: 'effective_at', as: 'instant' },
  { name: 'stored_energy', column: 'stored_energy_mwh', as: { quantity: 'MWh' } },
  { name: 'reading_quality', column: 'reading_quality', as: 'text' },
  { name: 'created_at', column: 'created_at', as: 'instant' },
  { name: 'updated_at', column: 'updated_at', as: 'instant' },
];

export const SNAPSHOT_PROJECTION: Projection<StateSnapshotColumn> = [
  ...STORED_SNAPSHOT,
  { name: 'charged_energy', column: 'charged_energy_mwh', as: { quantity: 'MWh' } },
  { name: 'discharged_energy', column: 'discharged_energy_mwh', as: { quantity: 'MWh' } },
];

/** The newest of each asset stand for themselves. */
export const LATEST_SNAPSHOT_PROJECTION: Projection<StoredSnapshotColumn> = [
  ...STORED_SNAPSHOT,
  { name: 'charged_energy', as: 'null' },
  { name: 'discharged_energy', as: 'null' },
];
