import type { Database } from '@quarterhour/db';
import type { RegisterWatch } from '@quarterhour/ingestion';
import type { Clock, KeyRing } from '@quarterhour/runtime';
import type { PartnerAddresses } from './surfaces/partner/connection-bundle.js';
import type { PartnerSessions } from './surfaces/partner/sessions.js';

export interface ApiContext {
  readonly db: Database;
  readonly register: RegisterWatch;
  readonly clock: Clock;
  readonly keyRing: Pick<KeyRing, 'seal'>;
  /** Part of what API keys are found by. */
  readonly apiKeyPepper: Uint8Array;
  readonly partnerAddresses: PartnerAddresses;
  readonly sessions: PartnerSessions;
  /** Makes the broker look as Postgres says it must for an organisation. */
  readonly provision: (orgId: string) => Promise<void>;
}
