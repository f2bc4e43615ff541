import { periodically, type HealthCheck } from '@quarterhour/runtime';
import { alone, jobCheck } from '../jobs.js';
import { Provisioner, type ProvisionerOptions } from './provisioner.js';
import { Quiet } from './quiet.js';
import { recordDepths } from './queue-depths.js';

const PROVISION_EVERY_MS = 1_000;
const DEPTHS_EVERY_MS = 5_000;

/** What {@link startProvisioning} needs. */
export interface ProvisioningOptions extends Omit<ProvisionerOptions, 'quiet' | 'stopping'> {
  /** How old the broker's counts may be. */
  readonly samplingMs: number;
}

/** Provisioning, at work. */
export interface Provisioning {
  readonly provisioner: Provisioner;
  readonly checks: readonly HealthCheck[];
  /** Ends the jobs when their run is over. */
  stop(): Promise<void>;
}

/** Begins to look after whatever was left undone, and after how queues stand, each in one process at a time. */
export function startProvisioning({ samplingMs, ...options }: ProvisioningOptions): Provisioning {
  const { locks, clock, log } = options;
  const stopping = new AbortController();
  const provisioner = new Provisioner({
    ...options,
    quiet: new Quiet(samplingMs, clock),
    stopping: stopping.signal,
  });
  const job = (name: string, everyMs: number, work: () => Promise<void>) =>
    periodically({ clock, log }, { name, everyMs, job: () => alone(locks, name, work), stopping: stopping.signal });
  const converging = job('provisioning', PROVISION_EVERY_MS, () => provisioner.round());
  const looking = job('queue-depths', DEPTHS_EVERY_MS, () => recordDepths(options));
  return {
    provisioner,
    checks: [
      jobCheck('provisioning', converging.state, async () => ({ behind: await provisioner.behind() })),
      jobCheck('queue-depths', looking.state),
    ],
    async stop() {
      stopping.abort();
      await Promise.all([converging.done, looking.done]);
    },
  };
}
