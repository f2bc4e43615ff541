import { RolesNeededError, migrate, type MigrationReport } from '@quarterhour/db';
import { Command } from 'commander';
import { adminDatabaseUrl, rolePasswords } from '../config.js';
import type { CommandContext } from '../context.js';
import { databaseFailure, placeOf } from '../database.js';
import { CommandFailure } from '../failure.js';

export function migrateCommand(ctx: CommandContext): Command {
  return new Command('migrate')
    .description('bring the database to the schema of this version, with its roles and their rights')
    .addHelpText(
      'after',
      `
Uses QUARTERHOUR_DATABASE_URL, and sets the password of each role to the one in its own URL. Running it again repairs
and changes nothing else. Where the user may not create roles, prints the SQL for somebody who may, and exits with 1.

Example:
  $ quarterhour migrate`,
    )
    .action(async () => {
      const url = adminDatabaseUrl(ctx.settings());
      const passwords = rolePasswords(ctx.settings());
      try {
        const report = await migrate(url, { rolePasswords: passwords });
        for (const line of reportLines(report, placeOf(url))) ctx.out.line(line);
      } catch (error) {
        if (!(error instanceof RolesNeededError)) throw databaseFailure(error, url) ?? error;
        ctx.out.line(error.sql);
        throw new CommandFailure('this user may not create the roles', {
          remedy: 'Have the SQL above run by somebody who may, then run migrate again.',
        });
      }
    });
}

function reportLines(
  { applied, schemaVersion, serverVersion, rolesChanged }: MigrationReport,
  place: string,
): string[] {
  return [
    `PostgreSQL ${serverVersion} at ${place}`,
    ...applied.map((name) => `applied ${name}`),
    `schema ${schemaVersion}${applied.length === 0 ? ', nothing to apply' : ''}; roles ${rolesChanged ? 'created or changed' : 'unchanged'}`,
  ];
}
