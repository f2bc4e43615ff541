/** Either of these lets a key's holder in. The second is what older keys have. */
export const CONNECT_SCOPES = ['vcp:connect', 'trading:connect'] as const;

/** The scope of an emergency, which has none of its own: whoever may command devices may stop them. */
export const EMERGENCY_SCOPE = 'vcp:write:device-command';

/**
 * What a key needs to publish under a routing key: any one of these scopes. The last word of some keys names a site or a
 * device, and does not matter.
 *
 * @param words those after the prefix
 * @returns null when no scope allows it
 */
export function scopesToPublish([family, kind, ...more]: readonly string[]): readonly string[] | null {
  if (kind === undefined || more.length > 1) return null;
  switch (family) {
    case 'telemetry':
      return kind === 'realtime' || kind === 'meter' ? CONNECT_SCOPES : null;
    case 'config':
      return ['vcp:write:config'];
    case 'schedule':
      return more.length === 0 ? ['vcp:write:schedule'] : null;
    case 'command':
      return scopesToCommand(kind, more);
    default:
      return null;
  }
}

function scopesToCommand(kind: string, more: readonly string[]): readonly string[] | null {
  if (kind === 'device') return ['vcp:write:device-command'];
  if (more.length > 0) return null;
  switch (kind) {
    case 'site-setpoint':
      return ['vcp:write:setpoint'];
    case 'mode':
      return ['vcp:write:mode'];
    case 'emergency':
      return [EMERGENCY_SCOPE];
    default:
      return null;
  }
}
