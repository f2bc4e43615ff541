import type { UtcInstant } from '@quarterhour/domain';
import type { Finding } from './demo/reconciliation.js';

export interface Page {
  /** The one address of everything that is asked over HTTP. */
  readonly api: string;
  readonly worker: string;
  readonly rabbitmqApi: string;
  readonly environmentFile: string;
  readonly logFiles: readonly string[];
  readonly token: string;
  readonly tokenHours: number;
  readonly assetId: string;
  readonly plantId: string;
  /** The battery's: it carries out what it is told. */
  readonly batteryPlantId: string;
  /** One of the deliveries that the demo has in quarantine. */
  readonly quarantinedId: string;
  /** Half-open: the hours of which the asset has dispatches. */
  readonly dispatches: { readonly from: UtcInstant; readonly to: UtcInstant };
  /** When the demo was loaded. */
  readonly loaded: { readonly from: UtcInstant; readonly to: UtcInstant };
}

/** What a newcomer does next, ready to be pasted into a shell. */
export function pageText(page: Page): string {
  const { api, dispatches, loaded } = page;
  const broker = new URL(page.rabbitmqApi);
  return `
Quarterhour is up.

  API             ${api}
  API reference   ${api}/docs
  Health          ${api}/readyz   ${page.worker}/readyz
  Broker          ${broker.origin}   (user ${decodeURIComponent(broker.username)}, password in ${page.environmentFile})
  Logs            ${page.logFiles.join('\n                  ')}

Define these two in another terminal, then paste any of the lines below. The token is good for ${page.tokenHours} hours;
\`npx quarterhour token\` makes another.

  API=${api}
  TOKEN=${page.token}

What the battery at Hornsdale was told, quarter hour by quarter hour, the latest first:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/asset-api/v1/dispatches?asset_ids=${page.assetId}&from=${dispatches.from}&to=${dispatches.to}&order=desc&limit=5"

What that battery can do, and could before it was extended:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/asset-api/v1/specs?asset_ids=${page.assetId}"

Within what it may be run, quarter hour by quarter hour: three sources, and the most restrictive of them:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/asset-api/v1/limits?asset_ids=${page.assetId}&from=${dispatches.from}&to=${dispatches.to}&order=desc&limit=5"

What the house in France did, its latest sample; null is what was not measured:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/api/v1/trading/plants/${page.plantId}/telemetry/latest"

What the battery does at this moment, simulated from a minute after the demo was loaded on; it follows what partners command:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/api/v1/trading/plants/${page.batteryPlantId}/telemetry/latest"

What the partner's energy management system holds for the battery at Hornsdale, and trying something else there (the config log
says what came of it):
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/api/v1/trading/plants/${page.batteryPlantId}/config"
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"timeConfigs":[{"from":"00:00","to":"23:59","pBatMin":-80000,"pBatMax":80000,"socMin":10,"socMax":90}]}' "$API/api/v1/trading/plants/${page.batteryPlantId}/config/validate"
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/api/v1/trading/plants/${page.batteryPlantId}/config-log?limit=1"

What could not be understood, and why:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/quarterhour/v1/quarantine?limit=3"

What would become of one of these if its bytes were tried again; dry_run false does it:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"dry_run":true}' "$API/quarterhour/v1/quarantine/${page.quarantinedId}/replay"

Every delivery, counted once by what became of it:
  curl -s -w '\\n' -H "Authorization: Bearer $TOKEN" "$API/quarterhour/v1/ingestion/minutes?from=${loaded.from}&to=${loaded.to}"

Send a first message of your own, and see where it went:
  npx quarterhour publish --example telemetry

Ctrl-C stops everything that was started.
`;
}

/** The comparison as a table. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const rows = findings.map(({ what, due, found, holds }) =>
    [what.padEnd(width), count(due), count(found), holds ? 'ok' : 'DIFFERS'].join('  '),
  );
  return [`${' '.repeat(width)}   published       found`, ...rows].map((line) => `  ${line}\n`).join('');
}

function count(n: number): string {
  return n.toLocaleString('en').padStart(10);
}
