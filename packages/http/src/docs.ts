import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { partnerAsyncApi, partnerAsyncApiPage } from '@quarterhour/contracts';
import type { RequestHandler, Response, Router } from 'express';
import { z } from 'zod';
import { documentOf } from './openapi.js';
import { pagesRouter } from './pages.js';
import type { Page } from './pages.js';
import type { Route } from './route.js';
import type { Surface } from './surface.js';

/** What the reference pages need. */
export interface DocsOptions {
  /** File path of redoc's standalone bundle. */
  readonly redocBundle: string;
  /**
   * Folder of whole documents, `{surface}.json`, where several processes answer at one address: shown instead of what this
   * process serves by itself, so that the reference is whole whoever answers.
   */
  readonly documentsFolder?: string;
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const CACHED_MS = 3_600_000;

/**
 * The reference: `/docs` lists the surfaces, `/docs/{surface}` shows one, `/docs/{surface}.json` is its OpenAPI document.
 * What partners say over AMQP is `/docs/asyncapi`. Everything comes from this server and nothing else may be loaded.
 *
 * @param limit counts a request against its client's address
 */
export function docsRouter(
  surfaces: readonly Surface[],
  routes: readonly Pick<Route<never>, 'surface' | 'operation'>[],
  { redocBundle, documentsFolder }: DocsOptions,
  limit: RequestHandler,
): Router {
  const references =
    documentsFolder === undefined
      ? surfaces.map((surface) => referenceOf(surface.name, JSON.stringify(documentOf(surface, routes), null, 2)))
      : referencesIn(documentsFolder);
  const pages: Page[] = [
    ['/docs', (_req, res) => sendPage(res, indexPage(references))],
    ['/docs/redoc.standalone.js', (_req, res) => sendBundle(res, redocBundle)],
    ...references.flatMap(pagesOf),
    ['/docs/asyncapi', (_req, res) => sendPage(res, page('Quarterhour for partners', partnerAsyncApiPage()))],
    ['/docs/asyncapi.json', (_req, res) => sendDocument(res, JSON.stringify(partnerAsyncApi(), null, 2))],
  ];
  return pagesRouter(pages, limit);
}

/** One surface's document, and what the index says of it. */
interface Reference {
  readonly name: string;
  readonly document: string;
  readonly title: string;
  readonly description: string;
  readonly basePath: string;
}

const described = z.object({
  info: z.object({ title: z.string(), description: z.string() }),
  servers: z.tuple([z.object({ url: z.string() })]),
});

function referenceOf(name: string, document: string): Reference {
  const {
    info,
    servers: [{ url: basePath }],
  } = described.parse(JSON.parse(document));
  return { name, document, ...info, basePath };
}

function referencesIn(folder: string): Reference[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files
    .toSorted()
    .map((file) => referenceOf(path.basename(file, '.json'), readFileSync(path.join(folder, file), 'utf8')));
}

function pagesOf(reference: Reference): Page[] {
  const { name, document } = reference;
  return [
    [`/docs/${name}`, (_req, res) => sendPage(res, referencePage(reference))],
    [`/docs/${name}.json`, (_req, res) => sendDocument(res, document)],
  ];
}

function sendBundle(res: Response, redocBundle: string): void {
  res
    .set('content-security-policy', POLICY)
    .type('text/javascript')
    .sendFile(redocBundle, { maxAge: CACHED_MS, dotfiles: 'allow' });
}

function sendDocument(res: Response, document: string): void {
  res.set('cache-control', 'no-cache').type('application/json').send(document);
}

function sendPage(res: Response, html: string): void {
  res.set({ 'content-security-policy': POLICY, 'cache-control': 'no-cache' }).type('html').send(html);
}

function indexPage(references: readonly Reference[]): string {
  const items = references.map(
    ({ name, title, description, basePath }) =>
      `<li><a href="/docs/${name}">${title}</a> <code>${basePath}</code><br>${description} ` +
      `<a href="/docs/${name}.json">OpenAPI</a></li>`,
  );
  const messages =
    '<li><a href="/docs/asyncapi">Messages of partners over AMQP</a> <a href="/docs/asyncapi.json">AsyncAPI</a></li>';
  const list = [...items, messages].join('\n');
  return page('Quarterhour reference', `<h1>Quarterhour reference</h1>\n<ul>\n${list}\n</ul>`);
}

function referencePage({ name, title }: Reference): string {
  return page(
    title,
    `<redoc spec-url="/docs/${name}.json" disable-search="true"></redoc>\n<script src="/docs/redoc.standalone.js"></script>`,
  );
}

function page(title: string, body: string): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title>`,
    '</head>',
    `<body>\n${body}\n</body>`,
    '</html>',
    '',
  ].join('\n');
}
