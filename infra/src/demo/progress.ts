import { Presets, SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 3_000;

/** A bar on a terminal; a line every few seconds anywhere else. */
export interface Progress {
  /** How far it is, of the total. */
  readonly at: (value: number) => void;
  readonly end: () => void;
}

export function showProgress(title: string, total: number): Progress {
  const bar = new SingleBar(
    {
      format: `${title.padEnd(10)} {bar} {value}/{total}  {duration_formatted}`,
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: LINE_EVERY_MS,
      stream: process.stdout,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return {
    at: (value) => bar.update(Math.min(value, total)),
    end: () => bar.stop(),
  };
}
