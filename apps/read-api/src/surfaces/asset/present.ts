import type { AssetColumn, AssetStatusColumn, DispatchColumn, Projection } from '@quarterhour/db';

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
