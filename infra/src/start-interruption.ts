import { constants } from 'node:os';
import { systemClock } from '@quarterhour/runtime';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Ctrl-C under npm may arrive twice, from the terminal and from npm: that is one request. */
const SAME_REQUEST_MS = 1_000;

/** The first signal asks for an orderly end, a later one is not waited for. A bug ends the start as an error does. */
export function interruptible(): AbortController {
  const controller = new AbortController();
  let askedAt: number | undefined;
  for (const name of SIGNALS) {
    process.on(name, () => {
      const now = systemClock.monotonicMillis();
      askedAt ??= now;
      if (now - askedAt > SAME_REQUEST_MS) process.exit(128 + constants.signals[name]);
      controller.abort(name);
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => controller.abort(error));
  }
  return controller;
}

/** Whether a start was ended by a signal, and not by an error. */
export function isSignal(reason: unknown): reason is (typeof SIGNALS)[number] {
  return SIGNALS.some((name) => name === reason);
}

/** Rejects when the start is ended, and never resolves. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    const end = () => reject(new Error('the start was ended', { cause: signal.reason }));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Waits for work, but not beyond the end of the start. */
export function orAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  return Promise.race([work, aborted(signal)]);
}
