import type { Surface } from '../surface.js';
import { assetSurface } from './asset.js';
import { ownSurface } from './own.js';
import { partnerSurface, vcpSurface } from './partner.js';
import { tradingSurface } from './trading.js';

/** Every surface that some process of ours serves. */
export const SURFACES: readonly Surface[] = [assetSurface, tradingSurface, partnerSurface, vcpSurface, ownSurface];
