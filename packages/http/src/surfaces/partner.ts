import type { Surface } from '../surface.js';
import { tradingErrors } from './trading-errors.js';

/** What a partner is given to get in with: its API keys. */
export const partnerSurface: Surface = {
  name: 'partner',
  title: 'Quarterhour partner API',
  version: '1.0.0',
  description: 'API keys of trading partners: made, listed and revoked.',
  basePath: '/api/v1/partner',
  ...tradingErrors,
};

/** What a partner reads with its API key. */
export const vcpSurface: Surface = {
  name: 'vcp',
  title: 'Quarterhour VCP API',
  version: '1.0.0',
  description: "A partner's own sites and what they measured, read with its API key.",
  basePath: '/api/v1/vcp',
  ...tradingErrors,
};
