import { parseArgs } from 'node:util';
import { z } from 'zod';
import { listen } from '@quarterhour/http';
import { createLogger, runProcess } from '@quarterhour/runtime';
import { createGateway } from './gateway.js';
import { readRouteMap } from './map-file.js';

/**
 * One address for both APIs on this machine, as the reverse proxy of docker-compose.yml is among containers:
 * `main.js --port 8080 --read-api http://127.0.0.1:… --control-api http://127.0.0.1:…`
 */
const url = z.url({ protocol: /^http$/ });
const settings = z.object({
  port: z.coerce.number().int().min(0).max(65_535),
  'read-api': url,
  'control-api': url,
});

const option = { type: 'string' } as const;
const { values } = parseArgs({ options: { port: option, 'read-api': option, 'control-api': option } });
const { port, ...addresses } = settings.parse(values);
const log = createLogger({ name: 'gateway', level: 'info' });

await runProcess({ name: 'gateway', log }, async (onStop) => {
  const gateway = createGateway({ map: await readRouteMap(), addresses, log });
  const listener = await listen(gateway, { host: '127.0.0.1', port });
  onStop(() => listener.close());
  log.info({ url: listener.url }, 'answering requests');
});
