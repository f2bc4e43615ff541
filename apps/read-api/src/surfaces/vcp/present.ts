import type { Projection, SiteColumn } from '@quarterhour/db';

export const SITE_PROJECTION: Projection<SiteColumn> = [
  { name: 'siteId', column: 'id', as: 'uuid' },
  { name: 'name', column: 'name', as: 'text' },
  { name: 'externalPlantId', column: 'external_plant_id', as: 'text' },
  { name: 'eanCons', column: 'ean_cons', as: 'text' },
  { name: 'eanProd', column: 'ean_prod', as: 'text' },
  { name: 'timeZone', column: 'time_zone', as: 'text' },
  { name: 'marketZone', column: 'market_zone', as: 'text' },
];
