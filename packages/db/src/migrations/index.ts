import type { Migration } from 'kysely';
import { registerAndIngest } from './0001-register-and-ingest.js';
import { versionsAndDecisions } from './0002-versions-and-decisions.js';
import { suspects } from './0003-suspects.js';
import { rollups } from './0004-rollups.js';
import { instants } from './0005-instants.js';
import { tradingControl } from './0006-trading-control.js';
import { apiKeys } from './0007-api-keys.js';
import { provisioning } from './0008-provisioning.js';
import { partnersInUse } from './0009-partners-in-use.js';
import { configLog } from './0010-config-log.js';
import { assetRegistry } from './0011-asset-registry.js';
import { periods } from './0012-periods.js';
import { specsAndSites } from './0013-specs-and-sites.js';
import { partnerCommands } from './0014-partner-commands.js';
import { configLogAtWork } from './0015-config-log-at-work.js';
import { partnerSurface } from './0016-partner-surface.js';
import { execution } from './0017-execution.js';
import { quietRegister } from './0018-quiet-register.js';
import { openedAndOrdered } from './0019-opened-and-ordered.js';
import { instantsByRounding } from './0020-instants-by-rounding.js';

/** Every migration in order of its name. Forward only; a name that has run anywhere never changes. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-register-and-ingest': registerAndIngest,
  '0002-versions-and-decisions': versionsAndDecisions,
  '0003-suspects': suspects,
  '0004-rollups': rollups,
  '0005-instants': instants,
  '0006-trading-control': tradingControl,
  '0007-api-keys': apiKeys,
  '0008-provisioning': provisioning,
  '0009-partners-in-use': partnersInUse,
  '0010-config-log': configLog,
  '0011-asset-registry': assetRegistry,
  '0012-periods': periods,
  '0013-specs-and-sites': specsAndSites,
  '0014-partner-commands': partnerCommands,
  '0015-config-log-at-work': configLogAtWork,
  '0016-partner-surface': partnerSurface,
  '0017-execution': execution,
  '0018-quiet-register': quietRegister,
  '0019-opened-and-ordered': openedAndOrdered,
  '0020-instants-by-rounding': instantsByRounding,
};

/** Name of the newest migration: the schema version that this code needs. */
export const SCHEMA_VERSION = '0020-instants-by-rounding';
