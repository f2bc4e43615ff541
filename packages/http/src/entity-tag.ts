import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import onHeaders from 'on-headers';
import { asksForCoding } from './compress.js';

/**
 * The strong entity tag of one resource as one caller sees it. Two scopes never share a tag, whatever the bodies: a tag
 * says nothing about what another organisation has.
 *
 * @param organisations the scope, sorted
 * @param text the body before any compression
 */
export function entityTagOf(operationId: string, organisations: readonly string[], text: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([operationId, organisations]))
    .update('\0')
    .update(text);
  return `"${hash.digest('base64url')}"`;
}

/**
 * Which tag of `If-None-Match` names what would be answered now.
 *
 * @param header the header's value; the tag of a compressed form counts as well as that of the plain one
 * @returns the tag as it was sent, or undefined when the caller has something else
 * @see RFC 9110, section 13.1.2
 */
export function matchingTag(header: string | undefined, tag: string): string | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return tag;
  const tags = header.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
  return tags.map((sent) => sent.replace(/^W\//, '')).find((sent) => sent.replace(CODING_SUFFIX, '"') === tag);
}

const CODING_SUFFIX = /-(?:gzip|br|deflate)"$/;

/**
 * Gives the compressed form of a resource a tag of its own, since its bytes are others. Must stand before what compresses.
 *
 * @see RFC 9110, section 8.8.3.3
 */
export function tagCodings(): RequestHandler {
  return (req, res, next) => {
    if (!asksForCoding(req)) {
      next();
      return;
    }
    onHeaders(res, () => {
      const [tag, coding] = [res.getHeader('etag'), res.getHeader('content-encoding')];
      if (typeof tag === 'string' && typeof coding === 'string')
        res.setHeader('etag', tag.replace(/"$/, `-${coding}"`));
    });
    next();
  };
}
