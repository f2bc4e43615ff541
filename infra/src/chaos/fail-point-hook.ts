import { writeSync } from 'node:fs';

/**
 * Loaded into a worker before its own code (`node --import`), with what to do in the query of its URL. Everywhere else it is
 * not loaded, and nothing in a build calls it.
 */
const { searchParams } = new URL(import.meta.url);
/** Also how long a killed process waits for its end. */
const HANG_MS = 4_000;
const STDERR = 2;

let passed = 0;

Object.defineProperty(globalThis, 'quarterhourFailPoint', {
  value: (point: string) => {
    if (point !== searchParams.get('point')) return;
    passed += 1;
    if (passed === Number(searchParams.get('nth'))) fail(point);
  },
});

function fail(point: string): void {
  // By a call that has ended when it returns: the process may be gone a moment later.
  writeSync(STDERR, `fail point ${point} reached\n`);
  const action = searchParams.get('action');
  if (action === 'kill') process.kill(process.pid, 'SIGKILL');
  if (action === 'throw') throw new Error(`fail point ${point}`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HANG_MS);
}
