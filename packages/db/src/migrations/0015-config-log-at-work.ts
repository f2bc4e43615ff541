import { sql, type Migration } from 'kysely';

/** Finds the configurations that are still to be answered by their ESM. */
export const configLogAtWork: Migration = {
  async up(db) {
    await OPEN.execute(db);
  },
};

const OPEN = sql`create index config_log_open on app.config_log (org_id, created_at, id) where not is_terminal`;
