import { TandemError, type Trajectories } from "../core/index.ts";

/**
 * What follows the step by which a task ends an episode.
 *
 * - `native`: nothing; every later reward is 0. A positive reward then pays for living, a negative one for dying.
 * - `absorbing`: an absorbing state up to the horizon, with a reward of its own that is learnt (arXiv:1809.02925). Its value
 *   is r / (1 - gamma), the fixed point of its self-transition; no action is chosen there, so no entropy is counted.
 * - `fixed-horizon`: the episode itself; the environment must not end it (for MuJoCo's, terminateWhenUnhealthy: false), and
 *   no demonstration may have been ended.
 */
export const TERMINATIONS = ["native", "absorbing", "fixed-horizon"] as const;
/** One of `TERMINATIONS`, which says what each is. */
export type Termination = (typeof TERMINATIONS)[number];

/** With a fixed horizon nothing may have been ended: what would have followed is not known. */
export function requireWholeEpisodes(
  where: string,
  termination: Termination,
  { terminated }: Trajectories,
  whose: "demonstrations" | "environment",
): void {
  const at = termination === "fixed-horizon" ? terminated.indexOf(1) : -1;
  if (at < 0) return;
  const remedy =
    whose === "demonstrations"
      ? "leave those episodes out, or choose native or absorbing"
      : "make it with terminateWhenUnhealthy: false";
  throw new TandemError(
    where,
    `a fixed horizon expects episodes that only time ends, but the ${whose} ended one at step ${at}; ${remedy}`,
  );
}
