import { z } from 'zod';
import { assetIdText, instantText, plainText, messageQuantity, uuidText } from '../scalars.js';

/**
 * A dispatch command as the optimiser publishes it: exchange `dispatch`, routing key `dispatch.{asset_id}`.
 *
 * The fields are those that `GET /asset-api/v1/dispatches` answers. `event_id` identifies the command for ever: a second
 * message with the same id and content changes nothing, one with other content is set aside as a conflict. Power is
 * positive when the asset injects. Members that are not listed are kept with the raw message and have no effect.
 */
export const dispatchMessage = z
  .object({
    source: plainText(200),
    event_id: uuidText,
    published_at: instantText,
    asset_id: assetIdText,
    dispatch_time: instantText,
    delivery_period_start: instantText,
    target_power: messageQuantity('MW'),
    nominal_power: messageQuantity('MW').nullish(),
    power_imbalance: messageQuantity('MW').nullish(),
    soc_imbalance: messageQuantity('MWh').nullish(),
  })
  .meta({ id: 'DispatchMessage', title: 'Dispatch command' });
export type DispatchMessage = z.infer<typeof dispatchMessage>;
