/** Something that the user can put right: what is wrong, where, and how to go on. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  /** What to do about it, as a sentence. */
  readonly remedy: string | undefined;

  constructor(what: string, { remedy, cause }: { remedy?: string; cause?: unknown } = {}) {
    super(what, { cause });
    this.remedy = remedy;
  }
}
