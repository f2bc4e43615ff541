/**
 * How the asset API shows an inverter and a site, column by column. Here, because both APIs show them: the one that reads, and the
 * one that has just made or is about to change them.
 */
const INVERTER_PROJECTION = [
  { name: 'id', column: 'id', as: 'text' },
  { name: 'site_id', column: 'connection_point_id', as: 'text' },
  { name: 'rated_power', column: 'rated_power_mw', as: { quantity: 'MW' } },
  { name: 'charge_efficiency', column: 'charge_efficiency', as: 'decimal' },
  { name: 'discharge_efficiency', column: 'discharge_efficiency', as: 'decimal' },
  { name: 'asset_ids', column: 'asset_ids', as: 'json' },
] as const;

const DISPATCH_MODE = [
  { name: 'name', column: 'dispatch_mode', as: 'text' },
  { name: 'floor_price', as: priceIn('floor_price') },
  { name: 'strike_price', as: priceIn('strike_price') },
] as const;

export const SITE_PROJECTION = {
  point: [
    { name: 'id', column: 'id', as: 'text' },
    { name: 'name', column: 'name', as: 'text' },
    { name: 'code', column: 'code', as: 'text' },
    { name: 'region', column: 'region', as: 'text' },
    { name: 'delivery_area', column: 'delivery_area', as: 'text' },
    { name: 'dispatch_mode', as: { object: DISPATCH_MODE, unlessNull: 'dispatch_mode' } },
    { name: 'created_at', column: 'created_at', as: 'instant' },
    { name: 'updated_at', column: 'updated_at', as: 'instant' },
    { name: 'inverters', column: 'inverters', as: 'json' },
  ],
  inverter: INVERTER_PROJECTION,
} as const;

/** A price and its unit stand in columns of their own. */
function priceIn<const Column extends string>(column: Column) {
  return {
    object: [
      { name: 'amount', column, as: 'decimal' },
      { name: 'unit', column: 'price_unit', as: 'text' },
    ],
    unlessNull: column,
  } as const;
}
