import express from 'express';
import type { ErrorRequestHandler, Express, Request, Response } from 'express';
import type { Logger, Metrics } from '@quarterhour/runtime';
import { z } from 'zod';
import { keyOfTags, mayEnter, mayRoute, mayUse, partnerOf, tagOfKey } from './decisions.js';
import type { Partner } from './decisions.js';
import type { PartnerLogins } from './logins.js';

/** What {@link createBrokerAuth} needs. */
export interface BrokerAuthParts {
  readonly logins: PartnerLogins;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const MAX_BODY = '16kb';
const NO_SERVICE = 503;

/** A slug, or nobody's name: then it is not looked for. */
const username = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const user = z.object({ username, password: z.string().min(1).max(200) });
const known = z.object({ username, tags: z.string(), vhost: z.string() });
const vhost = known.extend({ ip: z.string() });
const resource = known.extend({ resource: z.string(), name: z.string(), permission: z.string() });
const topic = resource.extend({ routing_key: z.string() });

const QUESTIONS = ['user', 'vhost', 'resource', 'topic'] as const;
type Question = (typeof QUESTIONS)[number];

/**
 * Answers RabbitMQ's HTTP auth backend, for users that the broker does not hold itself: `allow` or `deny` in plain words.
 * What cannot be found out at the moment is answered 503, which the broker takes for a refusal that it does not remember.
 *
 * Whoever can reach it learns whether a password is right, as whoever can reach the broker does; it belongs on loopback, or
 * in a network of the broker's and this process alone.
 */
export function createBrokerAuth({ logins, log, metrics }: BrokerAuthParts): Express {
  const answered = metrics.counter({
    name: 'quarterhour_broker_auth_total',
    help: 'Questions of the broker about partners, by question and answer.',
    labels: { question: QUESTIONS, answer: ['allow', 'deny', 'failed'] },
  });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.urlencoded({ extended: false, limit: MAX_BODY }));

  const answers: Readonly<Record<Question, (body: unknown) => Promise<string | null>>> = {
    user: async (body) => {
      const asked = user.safeParse(body).data;
      const login = asked === undefined ? null : await logins.byKey(asked.username, asked.password);
      const partner = login === null ? null : partnerOf(login);
      return partner === null ? null : `allow ${tagOfKey(partner.keyId)}`;
    },
    vhost: (body) => decide(vhost, body, mayEnter),
    resource: (body) => decide(resource, body, mayUse),
    topic: (body) => decide(topic, body, mayRoute),
  };

  async function decide<Q extends z.output<typeof known>>(
    form: z.ZodType<Q>,
    body: unknown,
    isAllowed: (partner: Partner, question: Q) => boolean,
  ): Promise<string | null> {
    const question = form.safeParse(body).data;
    if (question === undefined) return null;
    const keyId = keyOfTags(question.tags);
    const login = keyId === null ? null : await logins.byId(question.username, keyId);
    const partner = login === null ? null : partnerOf(login);
    return partner !== null && isAllowed(partner, question) ? 'allow' : null;
  }

  for (const question of QUESTIONS) {
    app.post(`/${question}`, async (req: Request, res: Response) => {
      const allowed = await answers[question](req.body).catch((error: unknown) => {
        answered.add({ question, answer: 'failed' });
        throw error;
      });
      answered.add({ question, answer: allowed === null ? 'deny' : 'allow' });
      if (allowed === null) log.info({ question, asked: namesIn(req.body) }, 'the broker was told to deny');
      plain(res, allowed ?? 'deny');
    });
  }
  app.use((_req: Request, res: Response) => plain(res.status(404), 'no such question'));
  app.use(unanswered(log));
  return app;
}

/** What was asked, without the password. */
function namesIn(body: unknown): Readonly<Record<string, unknown>> {
  const asked = z.record(z.string(), z.unknown()).safeParse(body).data ?? {};
  return Object.fromEntries(Object.entries(asked).filter(([name]) => name !== 'password'));
}

function unanswered(log: Logger): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    log.warn({ err: error, question: req.path }, 'the broker could not be answered');
    if (res.headersSent) {
      next(error);
      return;
    }
    plain(res.status(NO_SERVICE), 'deny');
  };
}

function plain(res: Response, text: string): void {
  res.set({ 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' }).send(text);
}
