import type { Route } from '@quarterhour/http';
import type { ApiContext } from './api-context.js';
import { getAssetStatusRoute } from './surfaces/asset/routes/get-asset-status.js';
import { getAssetRoute } from './surfaces/asset/routes/get-asset.js';
import { listAssetsRoute } from './surfaces/asset/routes/list-assets.js';
import { listDispatchesRoute } from './surfaces/asset/routes/list-dispatches.js';
import { listStatusesRoute } from './surfaces/asset/routes/list-statuses.js';
import { getSiteRoute } from './surfaces/asset/routes/get-site.js';
import { listSiteInverterLimitsRoute } from './surfaces/asset/routes/list-site-inverter-limits.js';
import { listSiteLimitsRoute } from './surfaces/asset/routes/list-site-limits.js';
import { listAssetSitesRoute } from './surfaces/asset/routes/list-sites.js';
import { listSpecsRoute } from './surfaces/asset/routes/list-specs.js';
import { listForecastsRoute } from './surfaces/asset/routes/list-forecasts.js';
import { listLimitsRoute } from './surfaces/asset/routes/list-limits.js';
import { listReservationsRoute } from './surfaces/asset/routes/list-reservations.js';
import { listStateSnapshotsRoute } from './surfaces/asset/routes/list-state-snapshots.js';
import { getDispatchRoute } from './surfaces/own/routes/get-dispatch.js';
import { getQuarantinedRoute } from './surfaces/own/routes/get-quarantined.js';
import { listAuditRoute } from './surfaces/own/routes/list-audit.js';
import { listIngestionMinutesRoute } from './surfaces/own/routes/list-ingestion-minutes.js';
import { listReceiptsRoute } from './surfaces/own/routes/list-receipts.js';
import { listQuarantineRoute } from './surfaces/own/routes/list-quarantine.js';
import { listTradingConfigEventsRoute } from './surfaces/own/routes/list-trading-config-events.js';
import { getTradingConfigRoute } from './surfaces/trading/routes/get-config.js';
import { getConnectionDetailsRoute } from './surfaces/trading/routes/get-connection-details.js';
import { listApiKeysRoute } from './surfaces/partner/routes/list-api-keys.js';
import { listTradingPartnersRoute } from './surfaces/own/routes/list-trading-partners.js';
import { getLatestTelemetryRoute } from './surfaces/trading/routes/get-latest-telemetry.js';
import { listCommandLogRoute } from './surfaces/trading/routes/list-command-log.js';
import { listConfigLogRoute } from './surfaces/trading/routes/list-config-log.js';
import { listMetersRoute } from './surfaces/trading/routes/list-meters.js';
import { listTelemetryRoute } from './surfaces/trading/routes/list-telemetry.js';
import { listSiteMetersRoute } from './surfaces/vcp/routes/list-site-meters.js';
import { listSiteTelemetryRoute } from './surfaces/vcp/routes/list-site-telemetry.js';
import { getMeterStateRoute } from './surfaces/vcp/routes/get-meter-state.js';
import { getSiteConfigRoute } from './surfaces/vcp/routes/get-site-config.js';
import { listSiteCommandsRoute } from './surfaces/vcp/routes/list-site-commands.js';
import { listPartnerSitesRoute } from './surfaces/vcp/routes/list-partner-sites.js';

export const routes: readonly Route<ApiContext>[] = [
  listAssetsRoute,
  getAssetRoute,
  getAssetStatusRoute,
  listStatusesRoute,
  listDispatchesRoute,
  listSpecsRoute,
  listAssetSitesRoute,
  getSiteRoute,
  listSiteLimitsRoute,
  listSiteInverterLimitsRoute,
  listStateSnapshotsRoute,
  listLimitsRoute,
  listForecastsRoute,
  listReservationsRoute,
  getLatestTelemetryRoute,
  listTelemetryRoute,
  listMetersRoute,
  getDispatchRoute,
  listQuarantineRoute,
  getQuarantinedRoute,
  listIngestionMinutesRoute,
  listReceiptsRoute,
  listTradingConfigEventsRoute,
  listAuditRoute,
  listTradingPartnersRoute,
  getTradingConfigRoute,
  getConnectionDetailsRoute,
  listApiKeysRoute,
  listPartnerSitesRoute,
  listSiteMetersRoute,
  listSiteTelemetryRoute,
  listSiteCommandsRoute,
  getSiteConfigRoute,
  getMeterStateRoute,
  listCommandLogRoute,
  listConfigLogRoute,
];
