import type { Database } from '@quarterhour/db';
import type { Cursors, PartnerBroker } from '@quarterhour/http';
import type { Clock } from '@quarterhour/runtime';

export interface ApiContext {
  readonly db: Database;
  readonly cursors: Cursors;
  readonly clock: Clock;
  readonly partnerBroker: PartnerBroker;
}
