import { sql, type Migration } from 'kysely';

/**
 * Messages during whose handling a process may have died. They have no organisation: they are counted before anybody has
 * looked whose they are.
 */
export const suspects: Migration = {
  async up(db) {
    await sql`
      create table ops.suspect (
        queue text collate "C" not null,
        body_sha256 bytea not null check (octet_length(body_sha256) = 32),
        attempts int not null check (attempts >= 0),
        primary key (queue, body_sha256)
      )`.execute(db);
  },
};
