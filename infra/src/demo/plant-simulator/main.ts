import { parseArgs } from 'node:util';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, createMetrics, runProcess, startHealthServer, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { readAmqpUrl } from '../../environment.js';
import { HORNSDALE_EVERY_MS, hornsdalePlant } from './hornsdale-plant.js';
import { PlantGateway } from './plant-gateway.js';

/**
 * The plant at Hornsdale and its gateway: `main.js --plant ID [--port 8084] [--measures-from INSTANT]`, with the broker in
 * QUARTERHOUR_AMQP_URL.
 */
const settings = z.object({
  plant: z.guid(),
  port: z.coerce.number().int().min(0).max(65_535).default(0),
  'measures-from': z.iso.datetime({ offset: true }).transform(Date.parse).optional(),
});
const option = { type: 'string' } as const;
const options = { plant: option, port: option, 'measures-from': option };
const { plant, port, 'measures-from': measuresFromMillis } = settings.parse(parseArgs({ options }).values);
const log = createLogger({ name: 'plant-simulator', level: 'info' });

await runProcess({ name: 'plant-simulator', log }, async (onStop, stopping) => {
  const broker = await openBroker({ url: readAmqpUrl(), applicationName: 'plant-simulator', log, signal: stopping });
  onStop(() => broker.close());
  const clock = systemClock;
  const plants = new Map([[plant.toLowerCase(), hornsdalePlant(clock.nowMillis())]]);
  const gateway = await PlantGateway.start({
    broker,
    plants,
    clock,
    log,
    measuresEveryMs: HORNSDALE_EVERY_MS,
    ...(measuresFromMillis === undefined ? {} : { measuresFromMillis }),
  });
  onStop(() => gateway.close());
  const isConnected = () => Promise.resolve({ ok: broker.state().consume === 'connected' });
  const health = await startHealthServer({
    host: '127.0.0.1',
    port,
    metrics: createMetrics(),
    checks: [{ name: 'broker', check: isConnected }],
  });
  onStop(() => health.close());
  log.info({ health: health.url }, 'simulating');
});
