import type { z } from 'zod';
import type { Refusal } from './refusal.js';

/** Largest request body in bytes of a surface that names no other. */
export const MAX_BODY_BYTES = 262_144;

/** What a surface answers when it refuses. */
export interface ErrorAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** One API as the outside knows it: where it lives and how it says no. */
export interface Surface {
  /** Names its document: `/docs/{name}.json`. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** Without a slash at the end: `/asset-api/v1`. */
  readonly basePath: string;
  /** Status of a request that breaks a rule. */
  readonly invalidStatus: 400 | 422;
  /** Body of an error, for the document and for tests. */
  readonly errorSchemas: { readonly invalid: z.ZodType; readonly other: z.ZodType };
  readonly errorContentType: string;
  /** Largest request body in bytes, where it is not {@link MAX_BODY_BYTES}. */
  readonly maxBodyBytes?: number;
  present(refusal: Refusal, requestId: string): ErrorAnswer;
}

/** Largest request body of a surface in bytes. */
export function maxBodyBytesOf({ maxBodyBytes = MAX_BODY_BYTES }: Pick<Surface, 'maxBodyBytes'>): number {
  return maxBodyBytes;
}
