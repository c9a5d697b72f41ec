import { TandemError, transitionCount } from "../core/index.ts";
import type { Environment, EnvironmentState } from "../envs/index.ts";
import type { DemonstrationFile } from "./demonstration-file.ts";
import { error, note, worstFirst, type Finding, type FindingSeverity } from "./inspect-finding.ts";
import { inspectFile, type Inspection } from "./inspect.ts";
import { initialState, type InitialState } from "./lint-initial-state.ts";
import { shownState } from "./lint-states.ts";
import { judgePairing, type PairingReport } from "./lint-pairing.ts";
import { simulateRecording, type SimulationReport } from "./lint-simulation.ts";
import type { Sample } from "./lint-steps.ts";

export type { PairingReport, PairingShift } from "./lint-pairing.ts";
export type { ReplayReport } from "./lint-replay.ts";
export type { SimulationReport } from "./lint-simulation.ts";

/** How a file is judged. */
export interface LintOptions {
  /** The environment it was recorded in; null where it is not known. Owned by the caller. */
  readonly environment: Environment | null;
  /** Why it is not known, where there is more to say than that; a clause. */
  readonly obstacle?: string;
  /** Whether the recording is simulated where it can be. */
  readonly simulate: boolean;
  readonly progress?: LintProgress;
}

/** Told, now and then, how far a stage has come: rows that were read, steps that were simulated. */
export type LintProgress = (stage: "reading" | "simulating", done: number, of: number) => void;

/** What is wrong with a demonstration file: plain data, as {@link formatLint} shows it. */
export interface LintReport extends Pick<
  Inspection,
  "source" | "env" | "format" | "layout" | "episodes" | "transitions"
> {
  /** Null where nothing was simulated. */
  readonly simulation: SimulationReport | null;
  /** Whether actions stand in the right rows, by statistics alone; null where simulation says it, or nothing can. */
  readonly pairing: PairingReport | null;
  /** Worst first. */
  readonly findings: readonly Finding[];
}

/** Rows and episodes from the beginning of a recording that are simulated, or counted. */
const SAMPLE = { rows: 6000, episodes: 50 };

/** Judges a file: everything `inspectFile` finds, and what the simulator or, without one, statistics say. */
export async function lintFile(file: DemonstrationFile, options: LintOptions): Promise<LintReport> {
  const { environment, simulate, progress = () => {} } = options;
  const inspection = await inspectFile(file, environment ?? {}, (rows, of) => progress("reading", rows, of));
  const { source, env, format, layout, episodes, transitions } = inspection;
  const described = { source, env, format, layout, episodes, transitions };
  const sample = await sampleOf(file, inspection);
  const obstacle = simulate ? obstacleTo(options, inspection) : null;
  const simulated =
    simulate && obstacle === null && environment
      ? await simulateRecording(environment, sample, {
          metadata: file.metadata,
          start: await startOf(file, environment, sample),
          progress: (done, of) => progress("simulating", done, of),
        })
      : null;
  const pairing = simulated ? null : pairingOf(sample, inspection);
  const hidden = simulate && obstacle === null && !simulated && environment;
  const reason = hidden ? `Observations of ${environment.id} do not show its state` : obstacle;
  const findings = [
    ...inspection.findings,
    ...(simulated?.findings ?? []),
    ...pairingFindings(pairing),
    ...(reason === null ? [] : [note("not-simulated", notSimulated(reason, pairing))]),
  ];
  return {
    ...described,
    simulation: simulated?.report ?? null,
    pairing,
    findings: worstFirst(withoutRepeats(findings)),
  };
}

/** The first episodes: as many as hold the sample's rows, at most its episodes. */
async function sampleOf(file: DemonstrationFile, inspection: Inspection): Promise<Sample> {
  const { episodeStarts } = file;
  const most = Math.min(SAMPLE.episodes, episodeStarts.length - 1);
  let to = 1;
  while (to < most && episodeStarts[to] < SAMPLE.rows) to++;
  const trajectories = await file.readEpisodes(0, to);
  const squares = trajectories.rewards?.reduce((sum, reward) => sum + reward * reward, 0) ?? 0;
  return {
    trajectories,
    consecutive: !inspection.findings.some(({ kind }) => NOT_CONSECUTIVE.includes(kind)),
    spreads: Float64Array.from(inspection.observations, ({ std, min, max }) => (min === max ? 0 : std)),
    rewardSize: Math.sqrt(squares / transitionCount(trajectories)),
  };
}

/** Findings that say that the row after a row is not the next step. */
const NOT_CONSECUTIVE = ["shifted-next-observations", "broken-next-observations"];

/** Findings that make simulation pointless. */
const OBSTACLES = ["not-finite", "observation-size", "action-size", "shifted-next-observations"];

/** Why the recording cannot be simulated, to go on from with a full stop; null where it can. */
function obstacleTo({ environment, obstacle }: LintOptions, { findings, env }: Inspection): string | null {
  if (obstacle !== undefined) return obstacle;
  if (!environment) {
    return env === null ? "The file does not name its environment" : `There is no environment ${env} here`;
  }
  const discrete = environment.actionSpace.kind === "discrete";
  const found = findings.find(
    ({ kind }) => OBSTACLES.includes(kind) || (discrete && kind === "actions-out-of-bounds"),
  );
  return found ? "The recording does not fit the environment" : null;
}

function notSimulated(reason: string, pairing: PairingReport | null): string {
  const instead = pairing
    ? "that actions stand in their rows was judged by statistics alone"
    : "whether actions stand in their rows was not judged";
  return `${reason}: not simulated; ${instead}.`;
}

/** The state the first episode began in: as the file has it, if that fits; else as the first observation shows it. */
async function startOf(
  file: DemonstrationFile,
  environment: Environment,
  { trajectories, consecutive }: Sample,
): Promise<InitialState | null> {
  if (!consecutive) return null;
  const { observations, observationSize } = trajectories;
  const first = observations.subarray(0, observationSize);
  const stored = await initialState(file);
  if (stored && shows(environment, stored.state, first)) return stored;
  const state = shownState(environment, Float64Array.from(first));
  return state && { state, from: "its first observation" };
}

/** Whether the environment gives the observation in that state, up to rounding; false where it has no such state. */
function shows(environment: Environment, state: EnvironmentState, observation: Float32Array): boolean {
  try {
    const shown = environment.setState(state);
    return observation.every((value, at) => Math.abs(shown[at] - value) <= 1e-6 + 2 ** -22 * Math.abs(value));
  } catch (cause) {
    if (cause instanceof TandemError) return false;
    throw cause;
  }
}

function pairingOf({ trajectories, consecutive }: Sample, { findings }: Inspection): PairingReport | null {
  const finite = !findings.some(({ kind }) => kind === "not-finite");
  return consecutive && finite ? judgePairing(trajectories) : null;
}

function pairingFindings(pairing: PairingReport | null): Finding[] {
  if (!pairing || pairing.shift === 0) return [];
  const { shift, margin, standardError, rows } = pairing;
  const place = shift === 1 ? "late: the action of the following row" : "early: the action of the row before";
  const evidence = `${margin.toFixed(2)} +- ${standardError.toFixed(2)} nats over ${rows} rows`;
  const message = `Actions seem to stand one row ${place} goes better with the observations before and after it (by ${evidence}). Check how they were recorded, best in a simulator (--env).`;
  return [error("shifted-actions", message)];
}

const RANK: Readonly<Record<FindingSeverity, number>> = { error: 0, warning: 1, note: 2 };

/** Of findings of one kind those that are worst: what the simulator is sure of need not be suspected too. */
function withoutRepeats(findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ kind, severity }, at) =>
      !findings.some(
        (other, otherAt) =>
          other.kind === kind &&
          (RANK[other.severity] < RANK[severity] ||
            (kind === "wrong-final-observations" && other.severity === severity && otherAt < at)),
      ),
  );
}
