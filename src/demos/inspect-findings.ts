/** What seems wrong with a recording, judged from its tally. */
import type { ActionSpace, BoxSpace } from "../core/index.ts";
import { nameColumns } from "./inspect-columns.ts";
import { brief, error, named, note, share, warning, type Finding } from "./inspect-finding.ts";
import { columnSummary, sizeOf, type ColumnTally, type InspectionTally } from "./inspect-tally.ts";

/** What else is known about the task; an `Environment` says all of it. */
export interface InspectionOptions {
  /** The environment's id, by which columns are named; else the file's own word for it. */
  readonly id?: string;
  /** The environment's actions; without it bounds are guessed. */
  readonly actionSpace?: ActionSpace;
  /** The environment's observations. */
  readonly observationSpace?: BoxSpace;
  /** Steps after which the environment cuts an episode. */
  readonly maxEpisodeSteps?: number;
  /** Only every so many-th row of an episode was kept, on purpose; 1. */
  readonly stride?: number;
}

/** Above this ratio of standard deviations columns are called uneven. */
const UNEVEN_RATIO = 1000;

/** Fraction of rows an explanation of wrong next observations must account for. */
const EXPLAINED = 0.9;

type Check = (tally: InspectionTally, task: InspectionOptions) => Finding[];

/** Everything that the tally shows. */
export function findingsOf(tally: InspectionTally, task: InspectionOptions): Finding[] {
  return CHECKS.flatMap((check) => check(tally, task));
}

const CHECKS: readonly Check[] = [
  checkFinite,
  checkSizes,
  checkActionBounds,
  checkConstantColumns,
  checkScales,
  checkNextObservations,
  checkFinalObservations,
  checkRepeatedLastRows,
  checkRewards,
  checkTimeouts,
  checkEnds,
  checkLengths,
  checkSingleSteps,
  checkDuplicates,
];

function checkFinite({ nonFinite, firstNonFinite }: InspectionTally): Finding[] {
  if (nonFinite === 0) return [];
  const found = `${nonFinite} entries are NaN or infinite, the first ${firstNonFinite}`;
  return [error("not-finite", `${found}. Leave those episodes out; other findings may follow from it.`)];
}

function checkSizes(
  { actions, observations }: InspectionTally,
  { actionSpace, observationSpace }: InspectionOptions,
): Finding[] {
  const findings: Finding[] = [];
  const shown = observations.mean.length;
  if (observationSpace && observationSpace.size !== shown) {
    const message = `The environment gives observations of ${observationSpace.size}, the recording has ${shown}: it is of another version, or of other options.`;
    findings.push(error("observation-size", message));
  }
  const taken = actions.mean.length;
  if (actionSpace && sizeOf(actionSpace) !== taken) {
    const message = `The environment takes actions of ${sizeOf(actionSpace)}, the recording has ${taken}.`;
    findings.push(error("action-size", message));
  }
  return findings;
}

function checkActionBounds(tally: InspectionTally, task: InspectionOptions): Finding[] {
  const { actionSpace, actions, outOfBounds, atBounds } = tally;
  if (!actionSpace) return task.actionSpace ? [] : guessActionBounds(tally);
  const entries = actions.rows * actions.mean.length;
  if (actionSpace.kind === "discrete") {
    if (outOfBounds === 0) return [];
    const expected = `the whole numbers 0 to ${actionSpace.count - 1}`;
    const message = `${share(outOfBounds, entries)} of the actions are not among ${expected}.`;
    return [error("actions-out-of-bounds", message)];
  }
  const findings: Finding[] = [];
  if (outOfBounds > 0) {
    const [low, high] = [Float32Array.from(actionSpace.low), Float32Array.from(actionSpace.high)];
    const columns = columnsWhere(
      actions,
      (column) => actions.min[column] < low[column] || actions.max[column] > high[column],
    );
    const message = `${share(outOfBounds, entries)} of the action entries lie outside the environment's bounds (${named("column", columns)}; largest magnitude ${brief(largestMagnitude(actions))}). The environment would clip them: clip them before learning.`;
    findings.push(error("actions-out-of-bounds", message));
  }
  if (atBounds > 0) {
    const message = `${share(atBounds, entries)} of the action entries lie exactly on a bound, where a tanh policy has no density: move them inside before taking atanh.`;
    findings.push(note("actions-at-bounds", message));
  }
  return findings;
}

/** Without bounds only one suspicion is worth a word: most entries, not all, lie in [-1, 1]. */
function guessActionBounds({ actions, beyondOne, choices }: InspectionTally): Finding[] {
  const entries = actions.rows * actions.mean.length;
  if (choices || beyondOne === 0 || beyondOne >= entries / 2) return [];
  const message = `${share(beyondOne, entries)} of the action entries lie outside [-1, 1], most lie inside (largest magnitude ${brief(largestMagnitude(actions))}). If the bounds are [-1, 1] the recording is of unclipped actions; tell the action space to be sure.`;
  return [warning("actions-out-of-bounds", message)];
}

function checkConstantColumns(
  { observations, actions }: InspectionTally,
  { id }: InspectionOptions,
): Finding[] {
  if (observations.rows < 2) return [];
  const findings: Finding[] = [];
  const size = observations.mean.length;
  const still = columnsWhere(observations, (column) => observations.min[column] === observations.max[column]);
  if (still.length === size) {
    findings.push(
      error("constant-observations", "No observation ever changes: this is no recording of a task."),
    );
  } else if (still.length > 0) {
    const { text, deadContacts } = nameColumns(id ?? null, size, still);
    const some = `${still.length} of ${size} observation columns never change (${text})`;
    const why = deadContacts
      ? " The simulator computed no contact forces (mujoco-py 2.0 and later did not, up to v3 of the task)."
      : "";
    const advice = "They tell nothing; a normaliser must not divide by their spread.";
    findings.push(note("constant-observations", `${some}.${why} ${advice}`));
  }
  const idle = columnsWhere(actions, (column) => actions.min[column] === actions.max[column]);
  if (idle.length > 0) {
    const some = `${idle.length} of ${actions.mean.length} action columns never change (${named("column", idle)})`;
    findings.push(warning("constant-actions", `${some}. Was the right array recorded?`));
  }
  return findings;
}

function checkScales({ observations }: InspectionTally): Finding[] {
  const spreads = Array.from(observations.mean, (_, column) => {
    const { std, min, max } = columnSummary(observations, column);
    return min === max ? NaN : std;
  });
  const moving = spreads.filter((std) => std > 0);
  if (moving.length < 2) return [];
  const [least, most] = [Math.min(...moving), Math.max(...moving)];
  if (most / least <= UNEVEN_RATIO) return [];
  const where = `from ${brief(least)} in column ${spreads.indexOf(least)} to ${brief(most)} in column ${spreads.indexOf(most)}`;
  return [note("uneven-scales", `Observation columns spread very unevenly, ${where}: normalise them.`)];
}

/** s_{t+1} should be the observation of the following row; where they part, a shift may explain it. */
function checkNextObservations(
  { lags, firstBroken }: InspectionTally,
  { stride = 1 }: InspectionOptions,
): Finding[] {
  const { rows, matches } = lags[1];
  if (matches === rows) return [];
  if (stride > 1) {
    const message = `One row in ${stride} of an episode was kept: following rows are not next steps.`;
    return [note("broken-next-observations", message)];
  }
  const found = `In ${share(rows - matches, rows)} of the rows the next observation is not the observation of the following row`;
  const explanations = [
    [0, "it repeats the row's own observation. Recompute next observations from the following rows"],
    [2, "it is the observation two rows on: next observations run one row ahead. Shift them back by one"],
    [-1, "it is the observation of the row before: next observations run two rows behind. Recompute them"],
  ] as const;
  const explained = explanations.find(([lag]) => lags[lag].matches / lags[lag].rows >= EXPLAINED);
  if (explained) return [error("shifted-next-observations", `${found}; ${explained[1]}.`)];
  const doubt = "The rows were subsampled, reordered or damaged, or an end of an episode is not marked.";
  return [warning("broken-next-observations", `${found} (first in ${firstBroken}). ${doubt}`)];
}

/** The last s_{t+1} of an episode has no following row to check against, but two common mistakes show. */
function checkFinalObservations({ resets, finalRepeats, lags, episodes }: InspectionTally): Finding[] {
  const findings: Finding[] = [];
  // Where states are few, an episode may well begin where the one before ended: one coincidence is no pattern.
  if (resets.all > 0 && resets.all >= (episodes - 1) / 2) {
    const found = `In ${resets.all} of ${episodes} episodes the last next observation is the first observation of the next episode`;
    const why =
      resets.terminated > 0
        ? "It was recorded after an automatic reset: record the final observation instead."
        : "Either one recording was cut into pieces, which is fine, or it was recorded after an automatic reset.";
    const judged = resets.terminated > 0 ? error : warning;
    findings.push(judged("wrong-final-observations", `${found}. ${why}`));
  }
  // Where states are few, observations repeat all along.
  const elsewhere = lags[0].matches - finalRepeats;
  if (finalRepeats > elsewhere && finalRepeats >= episodes / 2) {
    const found = `In ${finalRepeats} of ${episodes} episodes the last next observation repeats the last observation`;
    findings.push(warning("wrong-final-observations", `${found}. Was the true final observation lost?`));
  }
  return findings;
}

function checkRepeatedLastRows({ padded, episodes }: InspectionTally): Finding[] {
  // Where states are few, rows repeat all along.
  if (padded.episodes === 0 || padded.anywhere > 2 * padded.rows) return [];
  const found = `${padded.episodes} of ${episodes} episodes end with a repeated row (${padded.rows} repeats in all)`;
  return [warning("repeated-last-rows", `${found}. If they pad the episodes to one length, cut them off.`)];
}

function checkRewards({ rewards }: InspectionTally): Finding[] {
  if (!rewards) {
    const message = "The recording has no rewards: learning needs none, but its return is unknown.";
    return [note("missing-rewards", message)];
  }
  const [least] = rewards.min;
  if (rewards.rows < 2 || least !== rewards.max[0]) return [];
  if (least === 0) {
    return [warning("constant-rewards", "Every reward is 0: its return says nothing. Were they recorded?")];
  }
  return [note("constant-rewards", `Every reward is ${brief(least)}: its return only counts steps.`)];
}

function checkTimeouts(
  { longest, episodes }: InspectionTally,
  { maxEpisodeSteps }: InspectionOptions,
): Finding[] {
  const { length, terminated } = longest;
  const atLimit = length === maxEpisodeSteps && terminated > 0;
  if (!atLimit && !looksLikeTimeLimit(length, terminated, episodes)) return [];
  const which = terminated === episodes ? `All ${episodes}` : `${terminated} of ${episodes}`;
  const found = `${which} episodes are marked as terminated after exactly ${length} steps`;
  const limit = atLimit ? "the environment's time limit" : "as a time limit would cut them";
  const message = `${found}, ${limit}. If it did, mark them as truncated (timeouts), or values will not bootstrap there.`;
  return [warning("timeouts-as-terminations", message)];
}

/**
 * Several episodes that end at the greatest length are suspect when it is round, many when it is not; a single episode
 * only at a round hundred. Short tasks end at one length for good reasons.
 */
function looksLikeTimeLimit(length: number, suspects: number, episodes: number): boolean {
  if (length < 50) return false;
  if (suspects >= 5) return true;
  if (episodes === 1) return suspects === 1 && length % 100 === 0;
  return suspects >= 2 && length % 50 === 0;
}

function checkEnds({ ends, episodes }: InspectionTally): Finding[] {
  const findings: Finding[] = [];
  if (ends.both > 0) {
    const message = `${ends.both} of ${episodes} episodes end both terminated and truncated. If dones mean any end here, keep only timeouts where a time limit cut.`;
    findings.push(warning("ends-with-both-flags", message));
  }
  if (ends.unmarked > 0) {
    const message = `${ends.unmarked} of ${episodes} episodes end neither terminated nor truncated.`;
    findings.push(note("unmarked-ends", message));
  }
  return findings;
}

function checkLengths({ lengths }: InspectionTally, { maxEpisodeSteps }: InspectionOptions): Finding[] {
  if (maxEpisodeSteps === undefined) return [];
  const longer = lengths.flatMap((length, episode) => (length > maxEpisodeSteps ? [episode] : []));
  if (longer.length === 0) return [];
  const longest = longer.reduce((most, episode) => Math.max(most, lengths[episode]), 0);
  const found = `${longer.length} of ${lengths.length} episodes are longer than the environment's limit of ${maxEpisodeSteps} steps (${named("episode", longer)}; up to ${longest})`;
  return [warning("longer-than-limit", `${found}. Is an end not marked, or was the limit another?`)];
}

function checkSingleSteps({ singleSteps, episodes }: InspectionTally): Finding[] {
  if (singleSteps.length === 0) return [];
  const found = `${singleSteps.length} of ${episodes} episodes have a single step (${named("episode", singleSteps)})`;
  return [warning("single-step-episodes", `${found}. Are the end flags shifted or doubled?`)];
}

function checkDuplicates({ duplicates, duplicatePairs, episodes }: InspectionTally): Finding[] {
  if (duplicates === 0) return [];
  const shown = duplicatePairs.join(", ") + (duplicates > duplicatePairs.length ? ", ..." : "");
  const found = `${duplicates} of ${episodes} episodes are exact copies of another (${shown})`;
  return [warning("duplicate-episodes", `${found}. Counted twice, they weigh twice.`)];
}

function columnsWhere(tally: ColumnTally, predicate: (column: number) => boolean): number[] {
  return Array.from(tally.mean, (_, column) => column).filter(predicate);
}

function largestMagnitude({ min, max }: ColumnTally): number {
  return min.reduce((largest, least, column) => Math.max(largest, -least, max[column]), 0);
}
