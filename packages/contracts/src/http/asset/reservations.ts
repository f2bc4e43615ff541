import { z } from 'zod';
import { plainText } from '../../scalars.js';
import { dateOutput, energyOutput, instantOutput, powerOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { queryList } from '../query.js';
import { reservationSource } from './enums.js';
import { energyInput, idInput, powerInput } from './inputs.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
  windowParameters,
} from './list-query.js';
import { orderParameter, periodSpan, spanRules } from './periods.js';

/** Most reservations of one request. */
export const MAX_RESERVATIONS = 1_000;

/** Longest name of a market. */
const MAX_MARKET_LENGTH = 64;

/** The net position of an asset on a market in a span. It replaces the one of the same start, market and source. */
export const reservationInput = z
  .strictObject({
    asset_id: idInput,
    ...periodSpan,
    market: plainText(MAX_MARKET_LENGTH),
    source: reservationSource,
    power: powerInput,
    energy_change: energyInput,
    energy_buffer_low: energyInput,
    energy_buffer_high: energyInput,
  })
  .superRefine(spanRules)
  .meta({ id: 'ReservationIn' });

/** Body of `PUT /asset-api/v1/reservations`. What it does not name is left alone. */
export const putReservationsBody = z
  .strictObject({ reservations: z.array(reservationInput).min(1).max(MAX_RESERVATIONS) })
  .meta({ id: 'PutReservationsRequest' });

const MOST_NAMES = 100;

const reservationFilters = {
  ...assetIdsParameter,
  ...windowParameters('start_time'),
  markets: queryList(plainText(MAX_MARKET_LENGTH), MOST_NAMES)
    .optional()
    .meta({ description: 'Only these markets, repeated or comma-separated.' }),
  sources: queryList(reservationSource, MOST_NAMES)
    .optional()
    .meta({ description: 'Only from these, repeated or comma-separated.' }),
  ...orderParameter('asset_id, then start_time, market, source'),
  ...asOfParameter,
  ...cursorParameter,
};

/** Query of `GET /asset-api/v1/reservations`. */
export const listReservationsQuery = z
  .strictObject({ ...pageParameters, ...reservationFilters })
  .superRefine(pageRules);
export type ListReservationsQuery = z.output<typeof listReservationsQuery>;

/** The same for an export, which begins at its start or at a cursor. */
export const exportReservationsQuery = z.strictObject({ ...exportParameters, ...reservationFilters });

export const assetReservation = z
  .strictObject({
    asset_id: z.string().min(1).max(160),
    start_time: instantOutput,
    end_time: instantOutput,
    delivery_day: dateOutput.meta({ format: 'date', description: 'Market-local date of start_time.' }),
    market: z.string().min(1).max(MAX_MARKET_LENGTH),
    source: reservationSource,
    power: powerOutput,
    energy_change: energyOutput,
    energy_buffer_low: energyOutput,
    energy_buffer_high: energyOutput,
    created_at: instantOutput,
    updated_at: instantOutput,
  })
  .meta({ id: 'Reservation', description: 'What of an asset is spoken for on a market in a span.' });

/** One page of reservations, ordered by `asset_id`, `start_time`, `market`, `source`. Echoes `limit` and `offset`. */
export const listReservationsResponse = z
  .strictObject({ ...pageEcho, reservations: z.array(assetReservation).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'ReservationListResponse', description: 'One page of reservations.' });
