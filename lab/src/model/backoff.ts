const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/**
 * How long to wait before the attempt that follows *failures* failed ones.
 *
 * Doubles up to *longest*, a quarter of a minute. *chance* (0 to 1) spreads the pages of one workspace, so that they do
 * not come back in the same moment.
 */
export function backoff(failures: number, chance: number, longest = LONGEST_MS): number {
  const full = Math.min(longest, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return Math.round(full * (0.5 + chance / 2));
}
