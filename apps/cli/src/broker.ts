import { openBroker, type Broker, type Log } from '@quarterhour/messaging';

const CONNECT_WITHIN_MS = 5_000;

/** What goes wrong is thrown; what is tried again is of no interest on a command line. */
const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Opens the broker for as long as `work` takes. */
export async function withBroker<T>(url: string, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await openBroker({
    url,
    applicationName: 'quarterhour',
    log: quiet,
    connectWithinMs: CONNECT_WITHIN_MS,
  });
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}
