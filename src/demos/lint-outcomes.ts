/** Recorded rewards and ends of episodes beside the simulator's. */
import type { Environment } from "../envs/index.ts";
import { brief, error, share, warning, type Finding } from "./inspect-finding.ts";
import { episodeOf, type Sample, type StepTrial } from "./lint-steps.ts";

/** How many were compared and how many of them differ. */
export interface Comparison {
  readonly compared: number;
  readonly wrong: number;
}

/** What a comparison found. */
export interface Outcome {
  /** Null where nothing could be compared. */
  readonly comparison: Comparison | null;
  readonly findings: readonly Finding[];
}

/** A reward that differs by this share of the rewards' root mean square is another reward. */
const REWARD_TOLERANCE = 1e-3;

/** Share of rewards that may differ, where a step went just beyond rounding. */
const STRAY_REWARDS = 0.05;

/** Compares the rewards of steps that go where the recording goes. */
export function checkRewards(trials: readonly StepTrial[], sample: Sample): Outcome {
  const { trajectories, rewardSize } = sample;
  const { rewards, episodeStarts } = trajectories;
  if (!rewards) return { comparison: null, findings: [] };
  const departed = new Set(trials.filter(({ departs }) => departs).map(({ row }) => row));
  const pairs = trials
    .filter(({ row, departs }) => !departs && !departed.has(row + 1))
    .flatMap(({ row, rewardAfter }) =>
      rewardAfter === null ? [] : [{ row: row + 1, simulated: rewardAfter, recorded: rewards[row + 1] }],
    );
  if (pairs.length === 0) return { comparison: null, findings: [] };
  const differs =
    (factor: number) =>
    ({ simulated, recorded }: (typeof pairs)[number]): boolean =>
      Math.abs(recorded - factor * simulated) > REWARD_TOLERANCE * rewardSize + 2 ** -22 * Math.abs(recorded);
  const wrong = pairs.filter(differs(1));
  const comparison = { compared: pairs.length, wrong: wrong.length };
  const isLast = ({ row }: { row: number }): boolean =>
    row + 1 === episodeStarts[episodeOf(trajectories, row) + 1];
  const atEnds = wrong.filter(isLast).length;
  const ends = pairs.filter(isLast).length;
  if (wrong.length > STRAY_REWARDS * pairs.length && wrong.length > atEnds) {
    const [{ row, simulated, recorded }] = wrong;
    const episode = episodeOf(trajectories, row);
    const first = `first in episode ${episode}, step ${row - episodeStarts[episode]}: recorded ${brief(recorded)}, simulated ${brief(simulated)}`;
    const found = `${share(wrong.length, pairs.length)} of ${pairs.length} compared rewards are not the task's (${first})`;
    const factor = scaleOf(pairs);
    const scaled = pairs.some(differs(factor))
      ? "Another version or other options of the task?"
      : `They are ${brief(factor)} times the task's: returns are not comparable with published ones.`;
    return { comparison, findings: [warning("wrong-rewards", `${found}. ${scaled}`)] };
  }
  if (atEnds > ends / 2) {
    const message = `The reward of the last step is not the task's in ${atEnds} of ${ends} episodes. Versions of a task differ in what they pay at the end.`;
    return { comparison, findings: [warning("wrong-rewards", message)] };
  }
  return { comparison, findings: [] };
}

/** The factor by which recorded rewards are nearest to multiples of simulated ones. */
function scaleOf(pairs: readonly { simulated: number; recorded: number }[]): number {
  let products = 0;
  let squares = 0;
  for (const { simulated, recorded } of pairs) {
    products += simulated * recorded;
    squares += simulated * simulated;
  }
  return squares === 0 ? 1 : products / squares;
}

/** Compares the marks of termination with the task's own rule. */
export function checkEnds(
  trials: readonly StepTrial[],
  { trajectories }: Sample,
  { id, maxEpisodeSteps }: Environment,
): Outcome {
  const { terminated, episodeStarts } = trajectories;
  const clear = trials.filter((trial) => !trial.departs && trial.terminated !== null);
  if (clear.length === 0) return { comparison: null, findings: [] };
  const unfounded = clear.filter((trial) => terminated[trial.row] === 1 && !trial.terminated);
  const missed = clear.filter((trial) => terminated[trial.row] === 0 && trial.terminated);
  const stepOf = ({ row }: StepTrial): number => row - episodeStarts[episodeOf(trajectories, row)];
  const placeOf = (trial: StepTrial): string =>
    `episode ${episodeOf(trajectories, trial.row)}, step ${stepOf(trial)}`;
  const findings: Finding[] = [];
  if (unfounded.length > 0) {
    const marked = clear.filter(({ row }) => terminated[row] === 1).length;
    const found = `${unfounded.length} of ${marked} simulated ends marked as terminated are none by the rule of ${id} (first in ${placeOf(unfounded[0])})`;
    const atLimit = unfounded.filter((trial) => stepOf(trial) + 1 === maxEpisodeSteps).length;
    findings.push(
      atLimit > 0
        ? error(
            "timeouts-as-terminations",
            `${found}; ${atLimit} are at its time limit of ${maxEpisodeSteps} steps. Mark them as truncated (timeouts), or values will not bootstrap there.`,
          )
        : error("wrong-terminations", `${found}. Mark cuts as truncated (timeouts).`),
    );
  }
  if (missed.length > 0) {
    const found = `${missed.length} of ${clear.length} simulated steps end the episode by the rule of ${id} and are not marked as terminated (first in ${placeOf(missed[0])})`;
    const why = "The recording goes on after the task's end, has other options, or lost the mark.";
    findings.push(warning("wrong-terminations", `${found}. ${why}`));
  }
  return { comparison: { compared: clear.length, wrong: unfounded.length + missed.length }, findings };
}
