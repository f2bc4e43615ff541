import type { Clock } from '@quarterhour/runtime';
import type { Settings } from './config.js';
import type { Output } from './printing.js';

/** What every command is handed. */
export interface CommandContext {
  readonly out: Output;
  readonly clock: Clock;
  /** Read when first asked for: help needs none. */
  settings(): Settings;
}
