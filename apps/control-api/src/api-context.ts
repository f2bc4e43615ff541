import type { Database } from '@quarterhour/db';
import type { CommandRules, RegisterWatch } from '@quarterhour/ingestion';
import type { Clock, KeyRing, Logger, PartnerUrlRules } from '@quarterhour/runtime';
import type { EsmContext } from './esm/start.js';
import type { Provisioner } from './provisioning/provisioner.js';
import type { PartnerAddresses } from './surfaces/partner/connection-bundle.js';

export interface ApiContext {
  readonly db: Database;
  readonly register: RegisterWatch;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keyRing: Pick<KeyRing, 'seal' | 'open'>;
  /** Part of what API keys are found by. */
  readonly apiKeyPepper: Uint8Array;
  readonly partnerAddresses: PartnerAddresses;
  readonly partnerUrls: PartnerUrlRules;
  /** As the workers have them. */
  readonly commandRules: CommandRules;
  readonly esm: EsmContext;
  readonly provisioner: Pick<Provisioner, 'reach' | 'settle' | 'soon'>;
}
