import type { PartnerKeyRow, RegisterRows, TradingState, TradingStateRow } from '@quarterhour/db';

export type RegisteredOrganisation = RegisterRows['organisations'][number];
export type RegisteredPlant = RegisterRows['plants'][number];
export type RegisteredAsset = RegisterRows['assets'][number];

/**
 * The register at one version, held in memory: who publishes under a prefix and with which keys, how trading stands, and
 * whose plants and assets there are.
 */
export class Register {
  readonly version: string;
  readonly #rows: RegisterRows;
  readonly #organisations: ReadonlyMap<string, RegisteredOrganisation>;
  readonly #byPrefix: ReadonlyMap<string, RegisteredOrganisation>;
  readonly #plants: ReadonlyMap<string, RegisteredPlant>;
  readonly #plantsByExternalId: ReadonlyMap<string, RegisteredPlant>;
  readonly #plantIdsByOwner: ReadonlyMap<string, readonly string[]>;
  readonly #assets: ReadonlyMap<string, RegisteredAsset>;
  readonly #tradingStates: ReadonlyMap<string, TradingStateRow>;
  readonly #keysByOwner: ReadonlyMap<string, readonly PartnerKeyRow[]>;

  constructor(rows: RegisterRows) {
    this.version = rows.version;
    this.#rows = rows;
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
    this.#plantIdsByOwner = new Map(
      [...byOwner(rows.plants)].map(([orgId, plants]) => [orgId, plants.map(({ id }) => id)]),
    );
    this.#assets = new Map(rows.assets.map((asset) => [asset.id, asset]));
    this.#tradingStates = new Map(rows.tradingStates.map((row) => [row.orgId, row]));
    this.#keysByOwner = byOwner(rows.apiKeys);
  }

  /** The same, as if these organisations were all that there are. */
  within(organisations: readonly string[]): Register {
    const ids = new Set(organisations);
    const isTheirs = ({ orgId }: { readonly orgId: string }): boolean => ids.has(orgId);
    return new Register({
      ...this.#rows,
      organisations: this.#rows.organisations.filter(({ id }) => ids.has(id)),
      plants: this.#rows.plants.filter(isTheirs),
      assets: this.#rows.assets.filter(isTheirs),
      tradingStates: this.#rows.tradingStates.filter(isTheirs),
      apiKeys: this.#rows.apiKeys.filter(isTheirs),
    });
  }

  /** Ids of every organisation. */
  get organisationIds(): readonly string[] {
    return [...this.#organisations.keys()];
  }

  organisation(id: string): RegisteredOrganisation | undefined {
    return this.#organisations.get(id.toLowerCase());
  }

  /** Those that publish by themselves. */
  get publishers(): readonly (RegisteredOrganisation & { readonly queuePrefix: string })[] {
    return [...this.#byPrefix].map(([queuePrefix, organisation]) => ({ ...organisation, queuePrefix }));
  }

  /** How an organisation's trading stands. */
  tradingState(orgId: string): TradingState {
    return this.#tradingStates.get(orgId)?.state ?? 'DISABLED';
  }

  /** Another one whenever the control plane has been at an organisation's places on the broker. */
  provisionedVersion(orgId: string): number {
    return this.#tradingStates.get(orgId)?.provisionedVersion ?? 0;
  }

  /** Ids of an organisation's keys that are neither revoked nor expired, oldest first. */
  liveKeys(orgId: string, nowMillis: number): readonly string[] {
    const isLive = ({ expiresAtMillis }: PartnerKeyRow) => expiresAtMillis === null || expiresAtMillis > nowMillis;
    return this.#keysOf(orgId)
      .filter(isLive)
      .map(({ id }) => id);
  }

  /** A key by its id, ended or not, as long as something may have been published with it. */
  key(orgId: string, keyId: string): PartnerKeyRow | undefined {
    return this.#keysOf(orgId).find(({ id }) => id === keyId);
  }

  #keysOf(orgId: string): readonly PartnerKeyRow[] {
    return this.#keysByOwner.get(orgId) ?? [];
  }

  organisationByPrefix(prefix: string): RegisteredOrganisation | undefined {
    return this.#byPrefix.get(prefix);
  }

  /** A plant by our own id, whoever owns it. */
  plant(id: string): RegisteredPlant | undefined {
    return this.#plants.get(id) ?? this.#plants.get(id.toLowerCase());
  }

  /** A plant of one organisation, named by our id or by the id its partner knows it by. */
  plantOf(orgId: string, siteId: string): RegisteredPlant | undefined {
    const plant = this.plant(siteId);
    return plant?.orgId === orgId ? plant : this.#plantsByExternalId.get(externalKey(orgId, siteId));
  }

  /** Our ids of an organisation's plants. */
  plantIdsOf(orgId: string): readonly string[] {
    return this.#plantIdsByOwner.get(orgId) ?? [];
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

function byOwner<Row extends { readonly orgId: string }>(rows: readonly Row[]): Map<string, readonly Row[]> {
  const owned = new Map<string, Row[]>();
  for (const row of rows) {
    const known = owned.get(row.orgId);
    if (known === undefined) owned.set(row.orgId, [row]);
    else known.push(row);
  }
  return owned;
}

function externalKey(orgId: string, externalPlantId: string): string {
  return `${orgId}/${externalPlantId}`;
}
