import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Patch } from './variant.js';

/**
 * Places in the worker where it can be made to fail, named by comments of the form `// fail point: after_begin` in its
 * sources. A build keeps the comment and nothing else; the chaos harness replaces it in a copy by a call.
 */
export const FAIL_POINTS = {
  after_deliver: 'apps/ingest-worker/dist/ingest.js',
  after_receive: 'apps/ingest-worker/dist/ingest.js',
  after_begin: 'apps/ingest-worker/dist/store-batch.js',
  after_facts: 'packages/ingestion/dist/store-all.js',
  after_quarantine: 'packages/ingestion/dist/store-all.js',
  before_commit: 'packages/ingestion/dist/store-all.js',
  after_commit_before_ack: 'apps/ingest-worker/dist/ingest.js',
  mid_ack: 'packages/messaging/dist/consumer.js',
  after_ack: 'apps/ingest-worker/dist/ingest.js',
  relay_after_publish_before_confirm: 'apps/ingest-worker/dist/outbox/relay.js',
  relay_after_confirm_before_delete: 'apps/ingest-worker/dist/outbox/relay.js',
} as const;
export type FailPoint = keyof typeof FAIL_POINTS;

/** What happens there: the process is killed, an error is thrown, or nothing at all happens for a while. */
export const FAIL_ACTIONS = ['kill', 'throw', 'hang'] as const;
export type FailAction = (typeof FAIL_ACTIONS)[number];

/** The name under which the hook can be called from anywhere in the worker. */
export const HOOK = 'quarterhourFailPoint';

/** Makes every fail point call the hook. */
export function failPointPatches(): Patch[] {
  return Object.entries(FAIL_POINTS).map(([name, file]) => ({
    file,
    find: `// fail point: ${name}\n`,
    replace: `globalThis.${HOOK}(${JSON.stringify(name)});\n`,
  }));
}

/** What `node` is told before the worker, so that the hook does this at the n-th passing of a point. */
export function hookArguments(point: FailPoint, nth: number, action: FailAction): string[] {
  const hook = new URL('fail-point-hook.js', import.meta.url);
  hook.search = new URLSearchParams({ point, nth: String(nth), action }).toString();
  return ['--import', hook.href];
}

/** Names of the fail points in a compiled file, in order. */
export async function failPointsIn(root: string, file: string): Promise<string[]> {
  const source = await readFile(path.join(root, file), 'utf8');
  return [...source.matchAll(/\/\/ fail point: (\S+)/g)].map(([, name]) => name ?? '');
}
