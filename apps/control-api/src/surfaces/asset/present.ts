import type { Projection, StoredSnapshotColumn } from '@quarterhour/db';

export const STORED_SNAPSHOT_PROJECTION: Projection<StoredSnapshotColumn> = [
  { name: 'asset_id', column: 'asset_id', as: 'text' },
  { name: 'effective_at', column: 'effective_at', as: 'instant' },
  { name: 'stored_energy', column: 'stored_energy_mwh', as: { quantity: 'MWh' } },
  { name: 'reading_quality', column: 'reading_quality', as: 'text' },
  { name: 'created_at', column: 'created_at', as: 'instant' },
  { name: 'updated_at', column: 'updated_at', as: 'instant' },
];
