import { randomBytes, randomUUID } from 'node:crypto';
import { partnerVhost } from '@quarterhour/contracts';
import { createOrganisation, type OrganisationRow } from '@quarterhour/db';
import { rabbitApi } from '@quarterhour/messaging';
import { systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from '../../start-environment.js';
import { demoIssuer, keyRingFile } from '../../start-secrets.js';
import { signToken } from '../../start-token.js';
import { startApp, type App } from '../app.js';
import type { Bench } from '../bench.js';
import { median, short } from '../figures.js';
import type { Measurement } from '../judge.js';

const TOKEN_SECONDS = 3_600;
const CONFIG = {
  esmApiUrl: 'https://esm.partner.example/api/v1/voke-esm',
  esmClientId: 'bench',
  esmClientSecret: 'not much of a secret',
};

const minted = z.object({ id: z.string() });

/** How long a trader waits who enables a partner with one key, and whoever makes more keys for it afterwards. */
export async function measureTrading(bench: Bench): Promise<Measurement[]> {
  const { partners, keys } = bench.sizes.trading;
  const api = await startControlApi(bench);
  const vhosts = rabbitApi({ url: bench.stack.broker.apiUrl });
  const enabling: number[] = [];
  const minting: number[] = [];
  for (let round = 0; round < partners; round += 1) {
    const partner = await aTrader(bench, api, round);
    await partner.ask('/api/v1/trading/config', CONFIG);
    const made = [await partner.mint()];
    enabling.push((await partner.ask('/api/v1/trading/config/enable', {})).millis);
    for (let n = 0; n < keys; n += 1) {
      const key = await partner.mint();
      made.push(key);
      minting.push(key.millis);
    }
    const there = await vhosts.listVhosts();
    const missing = made.filter(({ id }) => !there.includes(partnerVhost(id)));
    if (missing.length > 0) throw new Error(`${missing.length} of ${made.length} virtual hosts were not made`);
  }
  await api.end();
  bench.say(`  enabled in ${short(median(enabling))} ms, keys made in ${minting.map(short).join(', ')} ms`);
  return [
    { goal: 'enable', values: enabling },
    { goal: 'mint', values: minting },
  ];
}

async function startControlApi(bench: Bench): Promise<App> {
  const { stack } = bench;
  const { partners, apiUrl, samplingMs } = stack.broker;
  const issuer = await demoIssuer(stack.folder);
  const store = await bench.small();
  const api = await startApp(stack, 'control-api', (port) => ({
    QUARTERHOUR_CONTROL_DATABASE_URL: store.controlUrl,
    QUARTERHOUR_CONTROL_API_PORT: String(port),
    QUARTERHOUR_BROKER_AUTH_PORT: String(partners?.auth.port ?? 0),
    QUARTERHOUR_KEY_RING: keyRingFile(stack.folder),
    QUARTERHOUR_API_KEY_PEPPER: randomBytes(32).toString('hex'),
    QUARTERHOUR_PUBLIC_URL: `http://127.0.0.1:${port}`,
    QUARTERHOUR_JWKS: issuer.jwks,
    QUARTERHOUR_TOKEN_ISSUER: TOKEN_ISSUER,
    QUARTERHOUR_RABBITMQ_API_URL: apiUrl,
    ...(samplingMs === undefined ? {} : { QUARTERHOUR_BROKER_SAMPLING_MS: String(samplingMs) }),
  }));
  await api.ready(bench.signal);
  return api;
}

interface Trader {
  /** @throws Error when it is not done */
  ask(path: string, body: object): Promise<{ readonly millis: number; readonly answer: unknown }>;
  mint(): Promise<{ readonly millis: number; readonly id: string }>;
}

/** The trader of an organisation that is new. */
async function aTrader(bench: Bench, api: App, number: number): Promise<Trader> {
  const store = await bench.small();
  const slug = `trader-${number + 1}`;
  const organisation: OrganisationRow = {
    id: randomUUID(),
    slug,
    name: slug,
    queuePrefix: slug,
    marketZone: 'Europe/Berlin',
  };
  await store.admin.transaction([organisation.id], (trx) => createOrganisation(trx, organisation));
  const token = await signToken({
    privateKeyFile: (await demoIssuer(bench.stack.folder)).privateKey,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    subject: 'bench',
    organisations: [organisation.id],
    roles: ['trader'],
    validSeconds: TOKEN_SECONDS,
    clock: systemClock,
  });
  const ask: Trader['ask'] = async (path, body) => {
    const began = systemClock.monotonicMillis();
    const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: bench.signal,
    });
    const text = await response.text();
    const millis = systemClock.monotonicMillis() - began;
    if (!response.ok) throw new Error(`${response.status} of ${path}: ${text.slice(0, 300)}`);
    return { millis, answer: JSON.parse(text) };
  };
  return {
    ask,
    mint: async () => {
      const { millis, answer } = await ask('/api/v1/partner/api-keys', { name: 'bench', scopes: ['vcp:connect'] });
      return { millis, ...minted.parse(answer) };
    },
  };
}
