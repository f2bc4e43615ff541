import express from 'express';
import type { RequestHandler, Router } from 'express';
import { RequestRefused } from './refusal.js';

/** A page beside the surfaces: its path, and what answers it. */
export type Page = readonly [path: string, answer: RequestHandler];

/**
 * A router of pages: each can be read, and nothing else can be done with it.
 *
 * @param before what a request for a page passes first
 */
export function pagesRouter(pages: readonly Page[], ...before: RequestHandler[]): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  for (const [path, answer] of pages) {
    router
      .route(path)
      .get(...before, answer)
      .all(...before, refuseOtherMethods(['GET', 'HEAD']));
  }
  return router;
}

/** Refuses what reaches it, naming the methods that would have been answered. */
export function refuseOtherMethods(allow: readonly string[]): RequestHandler {
  return () => {
    throw new RequestRefused({ kind: 'method-not-allowed', allow });
  };
}
