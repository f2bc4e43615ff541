export { plannedFault, type EsmOperation, type PlannedFault } from './faults.js';
export type { SandboxPlant } from './plants.js';
export { openEsmSandbox, type EsmSandbox, type EsmSandboxOptions, type SandboxCall } from './sandbox.js';
