/** What a person or program may be. A token may carry several. */
export const ROLES = ['partner', 'operator', 'trader', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/**
 * Who may do what: the only place where this stands. What is not listed is refused; a route with another capability does
 * not start. Whose data a role sees is a question of its token's organisations; a partner's token names its own.
 */
export const ROLE_MATRIX = {
  'dispatches:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'registry:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'registry:write': ['operator', 'admin'],
  'periods:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'periods:write': ['operator', 'admin'],
  'telemetry:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'quarantine:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'quarantine:read-unowned': ['admin'],
  'quarantine:decide': ['operator', 'admin'],
  'messages:validate': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'ingestion:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'trading-config:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'trading-config:write': ['trader', 'admin'],
  'audit:read': ['operator', 'trader', 'auditor', 'admin'],
  'plant-log:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'plant-config:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'plant-config:write': ['operator', 'trader', 'admin'],
  'api-keys:read': ['partner', 'operator', 'trader', 'auditor', 'admin'],
  'api-keys:mint': ['trader', 'admin'],
  'api-keys:revoke': ['operator', 'trader', 'admin'],
} as const satisfies Readonly<Record<string, readonly Role[]>>;

/** Something that a role may be allowed to do. */
export type Capability = keyof typeof ROLE_MATRIX;

/** Whether one of the roles has the capability. An unknown role has none, and nobody has null. */
export function isAllowed(roles: readonly string[], capability: Capability | null): boolean {
  if (capability === null) return false;
  const allowed: readonly string[] = ROLE_MATRIX[capability];
  return roles.some((role) => allowed.includes(role));
}

/** Whether a text names a capability of the matrix. */
export function isCapability(text: string): text is Capability {
  return Object.hasOwn(ROLE_MATRIX, text);
}
