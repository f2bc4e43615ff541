import type { ESM_PATHS } from '@quarterhour/contracts';
import { z } from 'zod';

/** What an ESM is asked for, by the name of its path. */
export type EsmOperation = keyof typeof ESM_PATHS;

const OPERATIONS = z.enum(['token', 'plants', 'config', 'update', 'result']);

/** How the sandbox misbehaves instead of answering, after having done what it was asked for or not. */
export const sandboxFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('answer'),
    status: z.int().min(200).max(599).default(200),
    contentType: z.string().default('application/json'),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.string().default(''),
    isDone: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('hang'), isDone: z.boolean().default(false) }),
  z.strictObject({ kind: z.literal('reset'), isDone: z.boolean().default(false) }),
]);
export type SandboxFault = z.output<typeof sandboxFault>;

/** A fault that is to happen the next times that something is asked for. */
export const plannedFault = z.strictObject({
  operation: OPERATIONS,
  times: z.int().min(1).max(1_000_000).default(1),
  fault: sandboxFault,
});
/** As it is written: what has a default may be left out. */
export type PlannedFault = z.input<typeof plannedFault>;

/** Faults that are still to happen. */
export class Faults {
  readonly #planned = new Map<EsmOperation, { times: number; fault: SandboxFault }[]>();

  /** @throws ZodError when it is not a fault */
  plan(written: unknown): void {
    const { operation, times, fault } = plannedFault.parse(written);
    this.#planned.set(operation, [...(this.#planned.get(operation) ?? []), { times, fault }]);
  }

  next(operation: EsmOperation): SandboxFault | undefined {
    const planned = this.#planned.get(operation)?.find(({ times }) => times > 0);
    if (planned === undefined) return undefined;
    planned.times -= 1;
    return planned.fault;
  }

  forget(): void {
    this.#planned.clear();
  }
}
