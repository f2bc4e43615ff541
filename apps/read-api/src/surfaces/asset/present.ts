import type { DispatchColumn, Projection } from '@quarterhour/db';

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
