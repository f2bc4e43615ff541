import type { ConfigLogEntry, EsmPlantConfig, PlantConfig } from '@quarterhour/contracts';
import type { ConfigLogRecord } from '@quarterhour/db';

export function presentPlantConfig(config: EsmPlantConfig): PlantConfig {
  const { configEnabled, esiState, plantId, timeConfigs, version } = config;
  return { configEnabled, esiState: esiState ?? '', plantId, timeConfigs, version };
}

export function presentConfigLogEntry({ orgId: _own, ...entry }: ConfigLogRecord): ConfigLogEntry {
  return entry;
}
