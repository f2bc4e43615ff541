import type { RegisterRows } from '@quarterhour/db';

export type RegisteredOrganisation = RegisterRows['organisations'][number];
export type RegisteredPlant = RegisterRows['plants'][number];
export type RegisteredAsset = RegisterRows['assets'][number];

/** The register at one version, held in memory: who publishes under a prefix, and whose plants and assets there are. */
export class Register {
  readonly version: string;
  readonly #organisations: ReadonlyMap<string, RegisteredOrganisation>;
  readonly #byPrefix: ReadonlyMap<string, RegisteredOrganisation>;
  readonly #plants: ReadonlyMap<string, RegisteredPlant>;
  readonly #plantsByExternalId: ReadonlyMap<string, RegisteredPlant>;
  readonly #assets: ReadonlyMap<string, RegisteredAsset>;

  constructor(rows: RegisterRows) {
    this.version = rows.version;
    this.#organisations = new Map(rows.organisations.map((organisation) => [organisation.id, organisation]));
    this.#byPrefix = new Map(
      rows.organisations.flatMap((organisation) =>
        organisation.queuePrefix === null ? [] : [[organisation.queuePrefix, organisation]],
      ),
    );
    this.#plants = new Map(rows.plants.map((plant) => [plant.id, plant]));
    this.#plantsByExternalId = new Map(
      rows.plants.flatMap((plant) =>
        plant.externalPlantId === null ? [] : [[externalKey(plant.orgId, plant.externalPlantId), plant]],
      ),
    );
    this.#assets = new Map(rows.assets.map((asset) => [asset.id, asset]));
  }

  /** Ids of every organisation. */
  get organisationIds(): readonly string[] {
    return [...this.#organisations.keys()];
  }

  organisation(id: string): RegisteredOrganisation | undefined {
    return this.#organisations.get(id.toLowerCase());
  }

  /** Every queue prefix in use. */
  get prefixes(): readonly string[] {
    return [...this.#byPrefix.keys()];
  }

  organisationByPrefix(prefix: string): RegisteredOrganisation | undefined {
    return this.#byPrefix.get(prefix);
  }

  /** A plant by our own id, whoever owns it. */
  plant(id: string): RegisteredPlant | undefined {
    return this.#plants.get(id.toLowerCase());
  }

  /** A plant of one organisation, named by our id or by the id its partner knows it by. */
  plantOf(orgId: string, siteId: string): RegisteredPlant | undefined {
    const plant = this.plant(siteId);
    return plant?.orgId === orgId ? plant : this.#plantsByExternalId.get(externalKey(orgId, siteId));
  }

  asset(id: string): RegisteredAsset | undefined {
    return this.#assets.get(id);
  }

  /**
   * Whether what a parked delivery waits for is there by now.
   *
   * @param waitsFor as in a fault
   */
  has(waitsFor: string): boolean {
    const [kind, first = '', ...rest] = waitsFor.split(' ');
    const name = [first, ...rest].join(' ');
    switch (kind) {
      case 'asset':
        return this.asset(name) !== undefined;
      case 'plant':
        return this.plant(name) !== undefined;
      case 'site':
        return this.plantOf(first, rest.join(' ')) !== undefined;
      case 'prefix':
        return this.organisationByPrefix(name) !== undefined;
      case 'organisation':
        return this.organisation(name) !== undefined;
      default:
        return false;
    }
  }
}

function externalKey(orgId: string, externalPlantId: string): string {
  return `${orgId}/${externalPlantId}`;
}
