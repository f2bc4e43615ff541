import type { z } from 'zod';

/*
 * The child's side of a conversation with the bench: one message with what to do, then messages about how it goes. It
 * stays until the bench lets it go, so that its processor time can still be read.
 */

/** What the bench wants of this process. @throws ZodError when it is something else */
export async function instructions<T>(shape: z.ZodType<T>): Promise<T> {
  process.once('disconnect', () => process.exit());
  const first = await new Promise<unknown>((resolve) => process.once('message', resolve));
  return shape.parse(first);
}

export function report(message: object): void {
  process.send?.(message);
}
