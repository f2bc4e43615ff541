import type { Database } from '@quarterhour/db';
import type { RegisterWatch } from '@quarterhour/ingestion';
import type { Clock, KeyRing, Logger, PartnerUrlRules } from '@quarterhour/runtime';
import type { Provisioner } from './provisioning/provisioner.js';

export interface ApiContext {
  readonly db: Database;
  readonly register: RegisterWatch;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keyRing: Pick<KeyRing, 'seal'>;
  readonly partnerUrls: PartnerUrlRules;
  readonly provisioner: Pick<Provisioner, 'reach' | 'settle' | 'soon'>;
}
