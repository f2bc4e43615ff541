import type { Reason, StreamName } from '@quarterhour/contracts';
import type { PartnerKeyRow } from '@quarterhour/db';
import type { CommandRules } from './commands/rules.js';
import type { Delivery } from './delivery.js';
import type { Register } from './register.js';

/** What `receive` may know besides the delivery: the register as last read, and the time. */
export interface ReceiveContext {
  readonly register: Register;
  /** Epoch milliseconds. */
  readonly nowMillis: number;
  /** What verifies signatures; missing where nobody may. */
  readonly signingKeys?: SigningKeys;
  /** What is asked of commands, where that is not {@link DEFAULT_COMMAND_RULES}. */
  readonly commandRules?: CommandRules;
}

/** Signing keys of partners, opened. */
export interface SigningKeys {
  /** 32 bytes. @throws when it cannot be opened */
  of(key: PartnerKeyRow): Buffer;
}

/** A delivery that was understood: a fact of its stream, and whose it is. */
export interface Understood<Fact> {
  readonly kind: 'understood';
  readonly delivery: Delivery;
  readonly orgId: string;
  readonly messageId: string | null;
  readonly fact: Fact;
  /** It would be another fact if something that the register does not have were registered. */
  readonly isOfUnknown?: boolean;
}

/** A delivery that goes to quarantine. `orgId` is `NO_ORGANISATION` when nobody can be named. */
export interface Refused {
  readonly kind: 'refused';
  readonly delivery: Delivery;
  readonly orgId: string;
  readonly messageId: string | null;
  readonly fault: Fault;
  /** The stream that it belongs to, where that is not the one that took it. */
  readonly stream?: StreamName;
}

export type Received<Fact> = Understood<Fact> | Refused;

/** Why, where and what would be right. */
export interface Fault {
  readonly reason: Reason;
  /**
   * What has to be registered for the same bytes to be taken in: `asset <id>`, `plant <our id>`, `site <organisation> <site>`,
   * `prefix <queue prefix>` or `organisation <id>`; null when nothing of the register is missing.
   */
  readonly waitsFor: string | null;
  /** Path of the member at fault, for example `payload.meters.0.deviceId`; null when it is not about one member. */
  readonly path: string | null;
  readonly detail: string;
}

/** Thrown inside `receive` to leave it with a reason; never leaves this package. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly fault: Fault;

  constructor(reason: Reason, path: string | null, detail: string, waitsFor: string | null = null) {
    super(detail);
    this.fault = { reason, path, detail, waitsFor };
  }
}
