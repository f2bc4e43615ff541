import type { RolePasswords } from '@quarterhour/db';
import { onServer } from '../../stack/index.js';
import { openArena } from '../arena.js';
import { registerPartners } from '../organisations.js';
import type { Servers } from '../servers.js';
import { buildVariant, type Patch } from '../variant.js';
import { commands, COMMAND_PARTNERS, type CommandsReport } from './commands.js';
import type { CommandEquation } from './judge-commands.js';

const OUTBOX = 'packages/db/dist/queries/outbox.js';
const PUBLISHER = 'packages/messaging/dist/publisher.js';
const TROUBLE = 'apps/ingest-worker/dist/outbox/trouble.js';
const DECISIONS = 'packages/ingestion/dist/commands/decisions.js';
const READY = 'packages/db/dist/ready.js';

/** A worker that is known to be bad at commands, and the equations of which one has to fail for it. */
export interface CommandMutant {
  readonly name: string;
  readonly shows: readonly CommandEquation[];
  readonly patches: readonly Patch[];
  /** What is changed in the database after the migration. */
  readonly sql?: readonly string[];
}

export const COMMAND_MUTANTS: readonly CommandMutant[] = [
  {
    name: 'answers without mandatory',
    shows: ['unanswered'],
    patches: [{ file: PUBLISHER, find: 'mandatory: true', replace: 'mandatory: false' }],
  },
  {
    name: 'answers from the last id on',
    shows: ['unanswered', 'unfinished', 'unsent'],
    patches: [
      {
        file: OUTBOX,
        find: 'return trx.query({ text: DUE, values: [plainArray(organisations), most, plainArray(but)] });',
        replace:
          'return trx.query({ text: DUE, values: [plainArray(organisations), most, plainArray(but)] }).then((due) => {\n' +
          '        const fresh = due.filter(({ id }) => Number(id) > (globalThis.lastTold ?? 0));\n' +
          '        for (const { id } of fresh) globalThis.lastTold = Math.max(globalThis.lastTold ?? 0, Number(id));\n' +
          '        return fresh;\n    });',
      },
    ],
  },
  {
    name: 'a command that comes again is carried out again',
    shows: ['carried out twice'],
    patches: [
      { file: READY, find: '...(await indexProblems(trx))', replace: '...[]' },
      { file: DECISIONS, find: 'if (known !== undefined) {', replace: 'if (false) {' },
      { file: DECISIONS, find: 'if (this.#first.has(messageOf(fact))) {', replace: 'if (false) {' },
    ],
    sql: [
      'alter table app.command_log drop constraint command_log_org_id_message_id_content_sha256_key',
      'drop index app.command_log_first',
    ],
  },
];

/** What both a mutant and the real worker go through: nobody waits a minute for a queue to be bound again. */
export const COMMAND_PATCHES: readonly Patch[] = [
  { file: TROUBLE, find: 'const LAST_RETRY_MS = 60_000;', replace: 'const LAST_RETRY_MS = 1_000;' },
];

const SECONDS = 25;
const SEED = 'mutants';

export interface CommandMutantsOptions {
  readonly root: string;
  readonly controlApi: string;
  readonly rolePasswords: RolePasswords;
  /** Of the mutants only those whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface CommandMutantsReport {
  readonly ok: boolean;
  readonly caught: number;
  readonly mutants: number;
  readonly runs: readonly { readonly worker: string; readonly caught: boolean; readonly shown: string }[];
}

/** The real worker, which has to be green, and each mutant, which has to be red for what it is. */
export async function runCommandMutants(
  servers: Servers,
  options: CommandMutantsOptions,
): Promise<CommandMutantsReport> {
  const chosen = COMMAND_MUTANTS.filter(({ name }) => name.includes(options.only));
  const real = await course(servers, options, { name: 'the real worker', shows: [], patches: [] });
  const isGreen = real.every(([, count]) => count === 0);
  options.say(`${isGreen ? 'green   ' : 'RED     '} the real worker: ${words(real)}`);
  const runs: CommandMutantsReport['runs'][number][] = [];
  for (const mutant of chosen) {
    const shown = await course(servers, options, mutant);
    const isCaught =
      isGreen && shown.some(([equation, count]) => count > 0 && mutant.shows.some((one) => one === equation));
    runs.push({ worker: mutant.name, caught: isCaught, shown: words(shown) });
    options.say(`${isCaught ? 'caught  ' : 'ESCAPED '} ${mutant.name}: ${words(shown)}`);
  }
  const caught = runs.filter((run) => run.caught).length;
  return { ok: isGreen && runs.length > 0 && caught === runs.length, caught, mutants: runs.length, runs };
}

type Shown = readonly (readonly [equation: string, count: number])[];

async function course(servers: Servers, options: CommandMutantsOptions, mutant: CommandMutant): Promise<Shown> {
  const { root, controlApi, rolePasswords, signal } = options;
  signal.throwIfAborted();
  const variant = await buildVariant(root, mutant.name, [...COMMAND_PATCHES, ...mutant.patches]);
  try {
    const register = {
      register: (admin: Parameters<typeof registerPartners>[0]) => registerPartners(admin, COMMAND_PARTNERS),
    };
    const arena = await openArena(servers, rolePasswords, register);
    try {
      for (const statement of mutant.sql ?? []) await onServer(arena.adminUrl, statement);
      const quiet = () => undefined;
      const run = { seed: SEED, seconds: SECONDS, worker: variant.entry, controlApi, say: quiet, signal };
      return Object.entries(findingsOf(await commands(arena, run)));
    } finally {
      await arena.close();
    }
  } finally {
    await variant.remove();
  }
}

/** What never comes to an end is a finding as well. */
function findingsOf({ findings, convergedAfterSeconds }: CommandsReport): CommandsReport['findings'] {
  return convergedAfterSeconds === null ? { ...findings, unfinished: findings.unfinished + 1 } : findings;
}

function words(shown: Shown): string {
  const failed = shown.filter(([, count]) => count > 0).map(([equation, count]) => `${equation} ${count}`);
  return failed.length === 0 ? 'green' : failed.join(', ');
}
