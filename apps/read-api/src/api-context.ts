import type { Database } from '@quarterhour/db';
import type { Cursors } from '@quarterhour/http';

export interface ApiContext {
  readonly db: Database;
  readonly cursors: Cursors;
}
