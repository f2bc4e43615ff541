/** Where an asset stands between its registration and its end. */
export const ASSET_LIFECYCLES = ['DRAFT', 'COMMISSIONING', 'LIVE', 'SUSPENDED', 'DECOMMISSIONED'] as const;
export type AssetLifecycle = (typeof ASSET_LIFECYCLES)[number];

/** What somebody may do to an asset, one step each. */
export const ASSET_ACTIONS = ['commission', 'go-live', 'suspend', 'resume', 'decommission'] as const;
export type AssetAction = (typeof ASSET_ACTIONS)[number];

/** One step of an asset's life. */
export interface AssetStep {
  /** The only place where the step can be taken, so that nobody takes it twice. */
  readonly from: AssetLifecycle;
  readonly to: AssetLifecycle;
  /** Whether an asset that has no date of going live goes live with it. */
  readonly startsLife: boolean;
}

const STEPS: Readonly<Record<AssetAction, AssetStep>> = {
  commission: { from: 'DRAFT', to: 'COMMISSIONING', startsLife: false },
  'go-live': { from: 'COMMISSIONING', to: 'LIVE', startsLife: true },
  suspend: { from: 'LIVE', to: 'SUSPENDED', startsLife: false },
  resume: { from: 'SUSPENDED', to: 'LIVE', startsLife: false },
  decommission: { from: 'LIVE', to: 'DECOMMISSIONED', startsLife: false },
};

/** The step that an action takes: `DRAFT → COMMISSIONING → LIVE ⇄ SUSPENDED`, `LIVE → DECOMMISSIONED`. */
export function assetStep(action: AssetAction): AssetStep {
  return STEPS[action];
}

/** Whether an asset can be deleted: one that never began, or has ended. */
export function mayBeDeleted(lifecycle: AssetLifecycle): boolean {
  return lifecycle === 'DRAFT' || lifecycle === 'DECOMMISSIONED';
}
