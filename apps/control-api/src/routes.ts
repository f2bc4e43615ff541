import type { Route } from '@quarterhour/http';
import type { ApiContext } from './api-context.js';
import { createAssetRoute } from './surfaces/asset/routes/create-asset.js';
import { deleteAssetRoute } from './surfaces/asset/routes/delete-asset.js';
import {
  commissionAssetRoute,
  decommissionAssetRoute,
  goLiveAssetRoute,
  resumeAssetRoute,
  suspendAssetRoute,
} from './surfaces/asset/routes/move-asset.js';
import { patchAssetRoute } from './surfaces/asset/routes/patch-asset.js';
import { createSiteInverterRoute } from './surfaces/asset/routes/create-site-inverter.js';
import { createSiteRoute } from './surfaces/asset/routes/create-site.js';
import { deleteSiteInverterRoute } from './surfaces/asset/routes/delete-site-inverter.js';
import { deleteSiteRoute } from './surfaces/asset/routes/delete-site.js';
import { patchSiteInverterRoute } from './surfaces/asset/routes/patch-site-inverter.js';
import { patchSiteRoute } from './surfaces/asset/routes/patch-site.js';
import { upsertSiteInverterLimitsRoute } from './surfaces/asset/routes/upsert-site-inverter-limits.js';
import { upsertSiteLimitsRoute } from './surfaces/asset/routes/upsert-site-limits.js';
import { upsertSpecRoute } from './surfaces/asset/routes/upsert-spec.js';
import { deleteLimitsRoute } from './surfaces/asset/routes/delete-limits.js';
import { patchLimitsRoute } from './surfaces/asset/routes/patch-limits.js';
import { putForecastsRoute } from './surfaces/asset/routes/put-forecasts.js';
import { putReservationsRoute } from './surfaces/asset/routes/put-reservations.js';
import { putStateSnapshotsRoute } from './surfaces/asset/routes/put-state-snapshots.js';
import { drainTradingRoute, pauseTradingRoute, resumeTradingRoute } from './surfaces/own/routes/change-trading.js';
import { discardQuarantineRoute } from './surfaces/own/routes/discard-quarantine.js';
import { discardQuarantinedRoute } from './surfaces/own/routes/discard-quarantined.js';
import { replayQuarantineRoute } from './surfaces/own/routes/replay-quarantine.js';
import { validateMessageRoute } from './surfaces/own/routes/validate-message.js';
import { replayQuarantinedRoute } from './surfaces/own/routes/replay-quarantined.js';
import { deleteApiKeyRoute } from './surfaces/partner/routes/delete-api-key.js';
import { mintApiKeyRoute } from './surfaces/partner/routes/mint-api-key.js';
import { revokeApiKeyRoute } from './surfaces/partner/routes/revoke-api-key.js';
import { disableTradingRoute } from './surfaces/trading/routes/disable-trading.js';
import { enableTradingRoute } from './surfaces/trading/routes/enable-trading.js';
import { saveTradingConfigRoute } from './surfaces/trading/routes/save-config.js';
import {
  getPlantConfigRoute,
  updatePlantConfigRoute,
  validatePlantConfigRoute,
} from './surfaces/trading/routes/plant-config.js';
import { syncPlantsRoute } from './surfaces/trading/routes/sync-plants.js';

export const routes: readonly Route<ApiContext>[] = [
  createAssetRoute,
  patchAssetRoute,
  deleteAssetRoute,
  commissionAssetRoute,
  goLiveAssetRoute,
  suspendAssetRoute,
  resumeAssetRoute,
  decommissionAssetRoute,
  upsertSpecRoute,
  createSiteRoute,
  patchSiteRoute,
  deleteSiteRoute,
  upsertSiteLimitsRoute,
  createSiteInverterRoute,
  patchSiteInverterRoute,
  deleteSiteInverterRoute,
  upsertSiteInverterLimitsRoute,
  replayQuarantinedRoute,
  validateMessageRoute,
  discardQuarantinedRoute,
  replayQuarantineRoute,
  discardQuarantineRoute,
  saveTradingConfigRoute,
  enableTradingRoute,
  disableTradingRoute,
  pauseTradingRoute,
  resumeTradingRoute,
  drainTradingRoute,
  mintApiKeyRoute,
  deleteApiKeyRoute,
  revokeApiKeyRoute,
  syncPlantsRoute,
  getPlantConfigRoute,
  updatePlantConfigRoute,
  validatePlantConfigRoute,
  putStateSnapshotsRoute,
  patchLimitsRoute,
  deleteLimitsRoute,
  putForecastsRoute,
  putReservationsRoute,
];
