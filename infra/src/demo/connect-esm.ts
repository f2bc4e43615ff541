import { plantSync, tradingConfig, type EsmCredentials } from '@quarterhour/contracts';
import { StackError } from '../stack/index.js';

const TIMEOUT_MS = 60_000;

/** Where the demo's trading is configured, as whom, and which ESM is to be the demo's. */
export interface EsmConnection {
  readonly apiUrl: string;
  /** Of a trader. */
  readonly token: string;
  readonly esmUrl: string;
  readonly client: EsmCredentials;
}

/**
 * Configures the demo's ESM as a trader does, unless it is so already, and has its plants read.
 *
 * @returns how many of its plants are linked
 */
export async function connectEsm({ apiUrl, token, esmUrl, client }: EsmConnection): Promise<number> {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${apiUrl}/api/v1/trading${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new StackError(`${method} ${path} was answered ${response.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  };
  const known = tradingConfig.parse(await ask('GET', '/config'));
  if (known.esmApiUrl !== esmUrl || known.esmClientId !== client.clientId || !known.hasEsmCredentials) {
    const { clientId: esmClientId, clientSecret: esmClientSecret } = client;
    await ask('POST', '/config', { esmApiUrl: esmUrl, esmClientId, esmClientSecret });
  }
  return plantSync.parse(await ask('POST', '/plants/sync')).synced;
}
