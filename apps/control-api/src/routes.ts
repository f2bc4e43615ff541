import type { Route } from '@quarterhour/http';
import type { ApiContext } from './api-context.js';
import { drainTradingRoute, pauseTradingRoute, resumeTradingRoute } from './surfaces/own/routes/change-trading.js';
import { discardQuarantineRoute } from './surfaces/own/routes/discard-quarantine.js';
import { discardQuarantinedRoute } from './surfaces/own/routes/discard-quarantined.js';
import { replayQuarantineRoute } from './surfaces/own/routes/replay-quarantine.js';
import { replayQuarantinedRoute } from './surfaces/own/routes/replay-quarantined.js';
import {
  getPlantConfigRoute,
  updatePlantConfigRoute,
  validatePlantConfigRoute,
} from './surfaces/trading/routes/plant-config.js';
import { syncPlantsRoute } from './surfaces/trading/routes/sync-plants.js';
import { disableTradingRoute } from './surfaces/trading/routes/disable-trading.js';
import { enableTradingRoute } from './surfaces/trading/routes/enable-trading.js';
import { saveTradingConfigRoute } from './surfaces/trading/routes/save-config.js';

export const routes: readonly Route<ApiContext>[] = [
  replayQuarantinedRoute,
  discardQuarantinedRoute,
  replayQuarantineRoute,
  discardQuarantineRoute,
  syncPlantsRoute,
  getPlantConfigRoute,
  updatePlantConfigRoute,
  validatePlantConfigRoute,
  saveTradingConfigRoute,
  enableTradingRoute,
  disableTradingRoute,
  pauseTradingRoute,
  resumeTradingRoute,
  drainTradingRoute,
];
