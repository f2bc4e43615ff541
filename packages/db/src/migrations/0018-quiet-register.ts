import { sql, type Migration } from 'kysely';

/**
 * The register has two columns of a trading configuration. Whatever else is written there, such as when a partner's plants
 * were asked for last, is no reason to read the register again, in every process.
 */
export const quietRegister: Migration = {
  async up(db) {
    await RAISED_BY_TWO_COLUMNS.execute(db);
  },
};

const RAISED_BY_TWO_COLUMNS = sql`
  drop trigger raise_register_version on app.trading_config;
  create trigger raise_register_version
    after insert or delete or truncate or update of state, provisioned_version on app.trading_config
    for each statement execute function ops.raise_register_version();
`;
