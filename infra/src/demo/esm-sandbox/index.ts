export { esmClientFile, readEsmClient } from './client-file.js';
export { plannedFault, type EsmOperation, type PlannedFault } from './faults.js';
export type { SandboxPlant } from './plants.js';
export {
  ESM_SANDBOX_BASE,
  openEsmSandbox,
  type EsmSandbox,
  type EsmSandboxOptions,
  type SandboxCall,
} from './sandbox.js';
