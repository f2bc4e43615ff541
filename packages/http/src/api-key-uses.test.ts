import { afterEach, describe, expect, test } from '@jest/globals';
import { createLogger, fixedClock } from '@quarterhour/runtime';
import { keepApiKeyUses } from './api-key-uses.js';
import type { ApiKeyUses, NotedUse } from './api-key-uses.js';

const KEY = { id: 'key-1', orgId: 'org-1' };

let uses: ApiKeyUses | undefined;
afterEach(() => uses?.close());

function kept(write?: (uses: readonly NotedUse[]) => Promise<void>) {
  const clock = fixedClock('2026-01-15T10:00:00Z');
  const written: NotedUse[][] = [];
  const lines: string[] = [];
  const log = createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } });
  uses = keepApiKeyUses({
    write: async (some) => {
      await write?.(some);
      written.push([...some]);
    },
    clock,
    log,
    everyMs: 3_600_000,
  });
  return { clock, written, lines, uses };
}

describe('the last use of a key', () => {
  test('is written once a minute at most, however often the key is used', async () => {
    const { clock, written, uses } = kept();
    for (let n = 0; n < 100; n += 1) uses.note(KEY);
    await uses.flush();
    clock.advance(59_999);
    uses.note(KEY);
    await uses.flush();
    clock.advance(1);
    uses.note(KEY);
    await uses.flush();
    expect(written).toEqual([
      [{ orgId: 'org-1', keyId: 'key-1', at: '2026-01-15T10:00:00Z' }],
      [{ orgId: 'org-1', keyId: 'key-1', at: '2026-01-15T10:01:00Z' }],
    ]);
  });

  test('is noted of each key for itself, in one writing', async () => {
    const { written, uses } = kept();
    for (const id of ['key-1', 'key-2', 'key-1']) uses.note({ id, orgId: 'org-1' });
    await uses.flush();
    expect(written.map((some) => some.map(({ keyId }) => keyId))).toEqual([['key-1', 'key-2']]);
  });

  test('that could not be written is written later, and said once in the log', async () => {
    let isDown = true;
    const { written, lines, uses } = kept(() =>
      isDown ? Promise.reject(new Error('no database')) : Promise.resolve(),
    );
    uses.note(KEY);
    await expect(uses.flush()).resolves.toBeUndefined();
    expect([written, lines.length]).toEqual([[], 1]);
    isDown = false;
    await uses.flush();
    expect(written).toHaveLength(1);
  });

  test('is written once more when the process stops', async () => {
    const { written, uses } = kept();
    uses.note(KEY);
    await uses.close();
    expect(written).toHaveLength(1);
  });

  test('is noted also after the clock was set back', async () => {
    const { clock, written, uses } = kept();
    uses.note(KEY);
    await uses.flush();
    clock.setTo('2026-01-15T09:00:00Z');
    uses.note(KEY);
    await uses.flush();
    expect(written).toHaveLength(2);
  });
});
