import type { Surface } from '../surface.js';
import { tradingErrors } from './trading-errors.js';

/** The trading API. */
export const tradingSurface: Surface = {
  name: 'trading',
  title: 'Quarterhour trading API',
  version: '1.0.0',
  description: 'Trading partner integration: measurements of plants that arrived over AMQP.',
  basePath: '/api/v1/trading',
  ...tradingErrors,
};
