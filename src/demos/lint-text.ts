import { share } from "./inspect-finding.ts";
import { findingsInWords, headLines, namedLines } from "./inspect-lines.ts";
import { CLEAR } from "./lint-pairing.ts";
import type { ReplayReport } from "./lint-replay.ts";
import type { SimulationReport } from "./lint-simulation.ts";
import type { LintReport, PairingReport } from "./lint.ts";

/** A verdict for people: what was checked, then what is wrong. Plain text of at most 80 characters a line, no colours. */
export function formatLint(report: LintReport): string {
  const { episodes, transitions, simulation, pairing, findings } = report;
  const lines = [
    ...headLines(report),
    ...namedLines("Size", `${episodes} episode${episodes === 1 ? "" : "s"}, ${transitions} steps`),
    ...(simulation ? simulationLines(simulation) : []),
    ...(pairing ? pairingLines(pairing) : []),
    "",
    ...findingsInWords(findings),
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function simulationLines(simulation: SimulationReport): string[] {
  const { env, steps, departed, margins, rewards, ends, replay } = simulation;
  const outcome = departed === 0 ? "all go where the recording goes" : `${departed} go elsewhere`;
  const lines = namedLines("Simulated", `${steps} single steps in ${env}: ${outcome}`);
  if (margins) {
    const { larger, summed } = margins.departed;
    const depart = `${larger} steps depart under "larger", ${summed} under "summed"`;
    lines.push(...namedLines("Margins", `"${margins.fits}" fit: ${depart}`));
  }
  if (rewards) lines.push(...namedLines("Rewards", agreeing(rewards)));
  if (ends) lines.push(...namedLines("Ends", agreeing(ends)));
  if (replay) lines.push(...namedLines("Replay", replayText(replay, departed === 0)));
  return lines;
}

function agreeing({ compared, wrong }: { compared: number; wrong: number }): string {
  return `as the task's in ${wrong === 0 ? "all" : share(compared - wrong, compared)} of ${compared} compared`;
}

function replayText({ episode, from, steps, departsAt, errors }: ReplayReport, stepsAgree: boolean): string {
  const chaos = stepsAgree ? " (single steps agree: rounding grows)" : "";
  const follows = departsAt === null ? `all ${steps} steps followed` : `departs at step ${departsAt}${chaos}`;
  const off = errors.map(({ error }) => error.toExponential(0)).join(", ");
  const at = errors.map(({ step }) => step).join(", ");
  return `of episode ${episode} from ${from}: ${follows}; off by ${off} of a column's spread after step ${at}`;
}

function pairingLines({ rows, scores, shift }: PairingReport): string[] {
  const [early, own, late] = [scores[-1], scores[0], scores[1]].map((score) => score.toFixed(2));
  const unclear = shift === 0 && scores[0] < CLEAR.nats ? ": too little to tell" : "";
  const text = `by statistics of ${rows} rows: actions fit their own row by ${own} nats, the row before by ${early}, the row after by ${late}${unclear}`;
  return namedLines("Pairing", text);
}
