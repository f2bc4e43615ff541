import type { Database } from '@quarterhour/db';
import type { RegisterWatch } from '@quarterhour/ingestion';
import type { Clock } from '@quarterhour/runtime';

export interface ApiContext {
  readonly db: Database;
  readonly register: RegisterWatch;
  readonly clock: Clock;
}
