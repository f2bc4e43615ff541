import { createHash } from 'node:crypto';
import {
  EXCHANGES,
  dispatchKey,
  partnerConfigKey,
  partnerTelemetryKey,
  tradingConfigKey,
} from '@quarterhour/contracts';
import {
  getQuarantined,
  NO_ORGANISATION,
  openDatabase,
  type Database,
  type OrganisationRow,
  type PlantRow,
  type QuarantinedRecord,
} from '@quarterhour/db';
import {
  aConfigEnvelope,
  aDispatch,
  aMeterEnvelope,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  aTradingChange,
} from '@quarterhour/testkit';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

/** Where a message goes: the stream's own key of a thing that is registered, unless a case is about another. */
export type Target = 'dispatch' | 'realtime' | 'meter' | 'config' | 'change';

export interface Message {
  readonly exchange: string;
  readonly key: string;
  readonly body: Buffer;
  /** When given, it goes with exactly these, also with none. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface Different {
  readonly key?: string;
  readonly exchange?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

type Build = (different?: object) => { readonly messageId: string };

/** A worker's house with a second partner in it, and the means to send both of them anything at all. */
export interface VectorHouse {
  readonly house: WorkerHouse;
  readonly read: Database;
  readonly prefix: string;
  /** Another partner, with a plant and an asset of its own. */
  readonly other: OrganisationRow;
  readonly otherPlant: PlantRow;
  readonly otherAsset: string;
  /** Valid messages, each call of another fact. */
  readonly valid: Readonly<Record<Target, () => object>>;
  dispatch(different?: object): ReturnType<typeof aDispatch>;
  readonly sample: Build;
  realtime(payload: object, different?: object): ReturnType<Build>;
  reading(payload?: object, different?: object): ReturnType<Build>;
  config(payload?: object, different?: object): ReturnType<Build>;
  change(different?: object): ReturnType<typeof aTradingChange>;
  message(to: Target, body: unknown, different?: Different): Message;
  /** How many were published so far. */
  sent(): number;
  /** Publishes while nothing can be stored, so that all of it meets in few batches, and waits until all is settled. */
  inOneGo(messages: readonly Message[]): Promise<void>;
  /** One after the other, each settled before the next. */
  inTurn(messages: readonly Message[]): Promise<void>;
  /** The quarantine row that holds this message's bytes; null when there is none. */
  setAside(message: Message): Promise<QuarantinedRecord | null>;
  /** How many facts, on whatever stream, bear this message's id. */
  factsOf(message: Message): Promise<number>;
  close(): Promise<void>;
}

export async function aVectorHouse(): Promise<VectorHouse> {
  const house = await aWorkerHouse();
  const other = await anOrganisation(house.admin);
  const otherPlant = await aPlant(house.admin, other);
  const otherAsset = await anAsset(house.admin, other);
  const read = openDatabase({ url: house.database.readUrl, applicationName: 'test', maxConnections: 2 });
  const prefix = house.organisation.queuePrefix ?? '';
  const scope = [house.organisation.id, other.id, NO_ORGANISATION];
  let settled = 0;
  let instants = 0;
  /** A new instant for each call, within the last hours. */
  const anInstant = (): string => {
    instants += 1;
    return new Date(Date.now() - 7_200_000 + instants * 250).toISOString();
  };
  const siteId = house.plant.id;
  const dispatch = (different: object = {}) => ({ ...aDispatch({ asset_id: house.asset }), ...different });
  const sample = (different: object = {}) => ({
    ...aRealtimeEnvelope({ siteId, timestamp: anInstant() }),
    ...different,
  });
  const reading = (payload: object = {}, different: object = {}) => ({
    ...aMeterEnvelope({ siteId }),
    payload: { ...aMeterEnvelope().payload, readingAt: anInstant(), ...payload },
    ...different,
  });
  const config = (payload: object = {}, different: object = {}) => ({
    ...aConfigEnvelope({ siteId, payload: { socMinPercent: 10, ...payload } }),
    ...different,
  });
  const change = (different: object = {}) => ({
    ...aTradingChange({ organisation_id: house.organisation.id }),
    ...different,
  });
  const routeOf = (target: Target, body: unknown): [exchange: string, key: string] => {
    switch (target) {
      case 'dispatch':
        return [EXCHANGES.dispatch, dispatchKey(textMember(body, 'asset_id') ?? house.asset)];
      case 'change':
        return [EXCHANGES.trading, tradingConfigKey('updated')];
      case 'config':
        return [EXCHANGES.vcp, partnerConfigKey(prefix, 'constraints', siteId)];
      default:
        return [EXCHANGES.vcp, partnerTelemetryKey(prefix, target, siteId)];
    }
  };
  const publishAll = async (messages: readonly Message[]): Promise<void> => {
    await Promise.all(
      messages.map(({ exchange, key, body, properties }) =>
        properties === undefined
          ? house.publisher.publish({ exchange, routingKey: key, body })
          : publishWith(house, properties, { exchange, key, body }),
      ),
    );
    settled += messages.length;
  };

  return {
    house,
    read,
    prefix,
    other,
    otherPlant,
    otherAsset,
    dispatch,
    sample,
    reading,
    config,
    change,
    valid: { dispatch, realtime: sample, meter: reading, config, change },
    realtime: (payload, different = {}) =>
      sample({ payload: { ...aRealtimeEnvelope().payload, ...payload }, ...different }),
    message(to, body, different = {}) {
      const [exchange, key] = routeOf(to, body);
      return { exchange, key, ...different, body: bytesOf(body) };
    },
    sent: () => settled,
    async inOneGo(messages) {
      await house.admin.transaction([], async (trx) => {
        await trx.query({ text: 'lock table app.ingest_minute in access exclusive mode', values: [] });
        await publishAll(messages);
      });
      await house.settled(settled, 60_000);
    },
    async inTurn(messages) {
      for (const one of messages) {
        await publishAll([one]);
        await house.settled(settled);
      }
    },
    async setAside({ key, body }) {
      const [found] = await house.rows<{ id: string }>(
        'select id from app.quarantine where routing_key = $1 and body_sha256 = $2',
        key,
        createHash('sha256').update(body).digest(),
      );
      return found === undefined ? null : read.read(scope, (trx) => getQuarantined(trx, found.id));
    },
    async factsOf({ body }) {
      const said: unknown = JSON.parse(body.toString());
      const [found] = await house.rows<{ n: number }>(
        `select count(*)::int as n from (
           select 1 from app.dispatch where event_id::text = $1
           union all select 1 from app.telemetry_realtime where message_id = $1
           union all (select 1 from app.telemetry_meter where message_id = $1 limit 1)
           union all select 1 from app.trading_config_event where message_id = $1) f`,
        textMember(said, 'event_id') ?? textMember(said, 'messageId') ?? 'none',
      );
      return found?.n ?? 0;
    },
    async close() {
      await read.close();
      await house.close();
    },
  };
}

function textMember(value: unknown, name: string): string | null {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return null;
  const member: unknown = Reflect.get(value, name);
  return typeof member === 'string' && /^[\w-]+$/.test(member) ? member : null;
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Through the broker's HTTP API, which sends what no decent client would. */
async function publishWith(
  house: WorkerHouse,
  properties: Readonly<Record<string, unknown>>,
  { exchange, key, body }: Message,
): Promise<void> {
  const api = new URL(house.vhost.apiUrl);
  const credentials = Buffer.from(`${decodeURIComponent(api.username)}:${decodeURIComponent(api.password)}`);
  const route = `api/exchanges/${encodeURIComponent(house.vhost.name)}/${encodeURIComponent(exchange)}/publish`;
  const answer = await fetch(new URL(route, `${api.protocol}//${api.host}/`), {
    method: 'POST',
    headers: { authorization: `Basic ${credentials.toString('base64')}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      properties,
      routing_key: key,
      payload: body.toString('base64'),
      payload_encoding: 'base64',
    }),
  });
  const said = await answer.text();
  if (said !== '{"routed":true}') throw new Error(`the broker answered ${answer.status} ${said}`);
}
