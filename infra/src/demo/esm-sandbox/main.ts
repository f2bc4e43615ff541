import { parseArgs } from 'node:util';
import { createLogger, runProcess } from '@quarterhour/runtime';
import { z } from 'zod';
import { readEsmClient } from './client-file.js';
import { DEMO_ESM_PLANTS } from './demo-plants.js';
import { openEsmSandbox } from './sandbox.js';

/** The energy management system of the demo's partner: `main.js --port 4300 --client-file …` */
const settings = z.object({ port: z.coerce.number().int().min(0).max(65_535), 'client-file': z.string() });

const option = { type: 'string' } as const;
const { values } = parseArgs({ options: { port: option, 'client-file': option } });
const { port, 'client-file': clientFile } = settings.parse(values);
const log = createLogger({ name: 'esm-sandbox', level: 'info' });

await runProcess({ name: 'esm-sandbox', log }, async (onStop) => {
  const client = await readEsmClient(clientFile);
  const sandbox = await openEsmSandbox({ ...client, port, plants: DEMO_ESM_PLANTS });
  onStop(() => sandbox.close());
  log.info({ url: sandbox.url }, 'answering requests');
});
