import { describe, expect, test } from '@jest/globals';
import type { ConnectionStatus } from '@quarterhour/messaging';
import { createLogger } from '@quarterhour/runtime';
import { partnerSessions } from './sessions.js';

const KEY = { vhost: 'partner-1', user: 'acme' };
const aConnection = (name: string, user: string): ConnectionStatus => ({
  name,
  user,
  clientName: null,
  vhost: KEY.vhost,
});

function aBroker(rounds: readonly (readonly ConnectionStatus[] | Error)[]) {
  const closed: string[] = [];
  const lines: string[] = [];
  let asked = 0;
  const sessions = partnerSessions(
    {
      listConnections: () => {
        const found = rounds[Math.min(asked, rounds.length - 1)] ?? [];
        asked += 1;
        return found instanceof Error ? Promise.reject(found) : Promise.resolve([...found]);
      },
      closeConnection: (name) => {
        closed.push(name);
        return Promise.resolve();
      },
    },
    {
      log: createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } }),
      lateLoginMs: 40,
      everyMs: 10,
    },
  );
  return { closed, lines, sessions, asked: () => asked };
}

describe('ending what a key has open', () => {
  test('closes the partner’s connections before it answers, and leaves ours in the same virtual host', async () => {
    const { closed, sessions } = aBroker([
      [aConnection('theirs-1', 'acme'), aConnection('ours', 'quarterhour'), aConnection('theirs-2', 'acme')],
      [],
    ]);
    await sessions.end(KEY);
    expect(closed).toEqual(['theirs-1', 'theirs-2']);
    await sessions.close();
  });

  test('also closes what the broker still let in afterwards', async () => {
    const { closed, sessions, asked } = aBroker([[], [], [aConnection('late', 'acme')], []]);
    await sessions.end(KEY);
    expect(closed).toEqual([]);
    while (asked() < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(closed).toEqual(['late']);
    await sessions.close();
  });

  test('goes on after a broker that could not be asked, and says so in the log', async () => {
    const { closed, lines, sessions, asked } = aBroker([new Error('no broker'), [aConnection('theirs', 'acme')], []]);
    await expect(sessions.end(KEY)).resolves.toBeUndefined();
    expect(lines.join('')).toContain('could not be closed');
    while (asked() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(closed).toEqual(['theirs']);
    await sessions.close();
  });

  test('ends by itself, and with the process', async () => {
    const { sessions, asked } = aBroker([[]]);
    await sessions.end(KEY);
    await new Promise((resolve) => setTimeout(resolve, 120));
    const rounds = asked();
    expect(rounds).toBe(5);
    await sessions.end(KEY);
    await sessions.close();
    expect(asked()).toBeLessThanOrEqual(rounds + 2);
  });
});
