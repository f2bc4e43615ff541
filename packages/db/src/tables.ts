import type { DeliveryArea, Region } from '@quarterhour/domain';
import type { Generated } from 'kysely';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';

/** The register's tables as queries see them. Everything else is inserted and read by statements of its own. */
export interface Tables {
  'app.organisation': OrganisationTable;
  'app.plant': PlantTable;
  'app.device': DeviceTable;
  'app.asset': AssetTable;
}

interface OrganisationTable {
  id: string;
  slug: string;
  name: string;
  queue_prefix: string | null;
  market_zone: string;
}

interface PlantTable {
  org_id: string;
  id: string;
  external_plant_id: string | null;
  name: string;
  time_zone: string;
  market_zone: string;
}

interface DeviceTable {
  org_id: string;
  id: string;
  plant_id: string;
  kind: string;
  external_id: string;
  name: string;
}

interface AssetTable {
  id: string;
  org_id: string;
  plant_id: string | null;
  device_id: string | null;
  code: string;
  name: string;
  type: string;
  region: Region;
  delivery_area: DeliveryArea;
  provider: string;
  lifecycle: Generated<string>;
}

/** Builds queries and never runs them: {@link Trx.run} does. */
export const build = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});
