import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { InvalidRequestError, type RequestIssue } from './refusal.js';

/** Most significant digits with which a JSON number is certain to mean what it says. */
const EXACT_DIGITS = 15;
/** So many digits in a row, with at most a point among them, are in every number that is not exact. */
const MAY_BE_INEXACT = /\d[\d.]{15}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[[\]{},:]/gs;

const texts = new WeakMap<IncomingMessage, string>();

/** Keeps a body as it was sent while it is parsed, where that may have changed a number in it. For the body parser's `verify`. */
export function keepNumbers(req: IncomingMessage, _res: unknown, body: Buffer): void {
  const text = body.toString('utf8');
  if (MAY_BE_INEXACT.test(text)) texts.set(req, text);
}

/** Refuses a body with a number that a double may have rounded: what was meant can be sent as a string. */
export function refuseInexactNumbers(): RequestHandler {
  return (req, _res, next) => {
    const text = texts.get(req);
    const issues = text === undefined ? [] : inexactNumbers(text);
    if (issues.length > 0) throw new InvalidRequestError(issues);
    next();
  };
}

/** Where we are: an object's member by its name, an array's element by its index. */
type Step = { readonly in: 'object'; name: string } | { readonly in: 'array'; index: number };

/** @param text one JSON text */
export function inexactNumbers(text: string): RequestIssue[] {
  const issues: RequestIssue[] = [];
  const steps: Step[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKEN)) {
    const step = steps.at(-1);
    if (token === '{') steps.push({ in: 'object', name: '' });
    else if (token === '[') steps.push({ in: 'array', index: 0 });
    else if (token === '}' || token === ']') steps.pop();
    else if (token === ',' && step?.in === 'array') step.index += 1;
    else if (token === ':' && step?.in === 'object') step.name = String(JSON.parse(last));
    else if (isInexact(token)) issues.push(issueAt(steps, token));
    last = token;
  }
  return issues;
}

function isInexact(token: string): boolean {
  if (!/^[-\d]/.test(token)) return false;
  const [digits = ''] = token.replace('-', '').split(/e/i, 1);
  return digits.replace('.', '').replace(/^0+/, '').replace(/0+$/, '').length > EXACT_DIGITS;
}

function issueAt(steps: readonly Step[], input: string): RequestIssue {
  return {
    in: 'body',
    path: steps.map((step) => (step.in === 'array' ? step.index : step.name)),
    code: 'decimal_max_digits',
    message: `A JSON number keeps ${EXACT_DIGITS} digits: send this one as a string`,
    input,
    context: { max_digits: EXACT_DIGITS },
  };
}
