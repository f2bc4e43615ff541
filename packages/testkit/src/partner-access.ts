import { readFile } from 'node:fs/promises';
import { testPartnerAccess } from './environment.js';

/**
 * Has the test run's broker ask here about partners, beside whoever else of the run answers.
 *
 * @param url base of the answers of a control API, for example `http://127.0.0.1:8083`
 * @returns ends it
 * @throws Error when the broker was not started by `npm test`
 */
export async function answerBroker(url: string): Promise<() => Promise<void>> {
  const { relayUrl } = testPartnerAccess();
  await announce(relayUrl, 'PUT', url);
  return () => announce(relayUrl, 'DELETE', url);
}

/** How a partner connects to the test run's broker. */
export interface PartnerConnection {
  readonly host: string;
  readonly port: number;
  /** Certificate to verify it with, PEM. */
  readonly ca: string;
}

/** @throws Error when the broker was not started by `npm test` */
export async function partnerConnection(): Promise<PartnerConnection> {
  const { amqpsUrl, caFile } = testPartnerAccess();
  const { hostname, port } = new URL(amqpsUrl);
  return { host: hostname, port: Number(port), ca: await readFile(caFile, 'utf8') };
}

async function announce(relayUrl: string, method: 'PUT' | 'DELETE', url: string): Promise<void> {
  const answer = await fetch(relayUrl, { method, body: url });
  if (!answer.ok) throw new Error(`the relay answered ${answer.status}`);
}
