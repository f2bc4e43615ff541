import { REJECTIONS, type Rejection } from '@quarterhour/contracts';

/** Why a command is refused. */
export interface Refusal {
  readonly code: Rejection;
  /** A sentence for people. */
  readonly detail: string;
}

/** Thrown while a command is read, to leave it with a refusal; never leaves this package. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError';
  readonly refusal: Refusal;

  constructor(code: Rejection, detail: string) {
    super(detail);
    this.refusal = { code, detail };
  }
}

/** What nobody vouched for, by a signature where one is due, stands for nothing: it takes no message id, and no answer. */
export function isVouchedFor(refusal: Refusal | null): boolean {
  return refusal === null || REJECTIONS[refusal.code].isAnswered;
}

const LONGEST = 1_000;

/** As a partner is told it. */
export function refusalText({ code, detail }: Refusal): string {
  return `${code}: ${detail.replaceAll(UNSHOWN, '\uFFFD')}`.slice(0, LONGEST).replaceAll(UNSHOWN, '\uFFFD');
}

/** A detail may quote a message: what is not shown as it is, or cannot be kept, is not repeated. */
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;
