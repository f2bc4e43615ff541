export { demoAssets, demoMessages } from './demo-set.js';
export { connectEsm, type EsmConnection } from './connect-esm.js';
export {
  ESM_SANDBOX_BASE,
  esmClientFile,
  openEsmSandbox,
  readEsmClient,
  type EsmSandbox,
  type EsmSandboxOptions,
  type PlannedFault,
  type SandboxPlant,
} from './esm-sandbox/index.js';
export { HORNSDALE_ASSET, hornsdaleHours } from './hornsdale.js';
export { HORNSDALE_SITE } from './hornsdale-site.js';
export { load, LoadStalledError } from './load.js';
export type { DemoMessage } from './messages.js';
export { seedDemoPeriods } from './periods.js';
export { PlantGateway, type PlantGatewayOptions } from './plant-simulator/plant-gateway.js';
export { SimulatedPlant, type PlantLimits } from './plant-simulator/simulated-plant.js';
export { readApi, type ReadApi, type TimeSpan } from './read-api.js';
export { reconcile, wholeMinutes, type Finding } from './reconciliation.js';
export { DEMO_ORGANISATION, DEMO_PLANTS, type DemoAsset, type DemoPlant, type PlantIds } from './register.js';
export { DemoTakenError, findDemoOrganisation, isMigrated, openRegister, seedDemo } from './seed.js';
export { newDemoState, readDemoState, writeDemoState, type DemoState } from './state.js';
export type { Published } from './replay.js';
