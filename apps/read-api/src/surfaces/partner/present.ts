import { partnerVhost } from '@quarterhour/contracts';
import type { ApiKeyColumn, Projection } from '@quarterhour/db';

/** What the virtual host of every key begins with. */
export const VHOST_START = partnerVhost('');

export const API_KEY_PROJECTION: Projection<ApiKeyColumn> = [
  { name: 'id', column: 'id', as: 'uuid' },
  { name: 'name', column: 'name', as: 'text' },
  { name: 'keyPrefix', column: 'key_prefix', as: 'text' },
  { name: 'scopes', column: 'scopes', as: 'json' },
  { name: 'allowedIps', column: 'allowed_ips', as: 'json' },
  { name: 'vhost', column: 'vhost', as: 'text' },
  { name: 'partnerId', column: 'org_id', as: 'uuid' },
  { name: 'isActive', column: 'is_active', as: 'boolean' },
  { name: 'expiresAt', column: 'expires_at', as: 'instant' },
  { name: 'lastUsedAt', column: 'last_used_at', as: 'instant' },
  { name: 'createdBy', column: 'created_by', as: 'text' },
  { name: 'creator', as: { object: [{ name: 'id', column: 'created_by', as: 'text' }], unlessNull: 'created_by' } },
  { name: 'organizationId', column: 'org_id', as: 'uuid' },
  { name: 'createdAt', column: 'created_at', as: 'instant' },
  { name: 'updatedAt', column: 'updated_at', as: 'instant' },
];
