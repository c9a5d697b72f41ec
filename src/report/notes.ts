import { findingSentence, type FindingRecord } from "../core/index.ts";
import { cohortOf, controlName, flatten, stepCounts } from "./cohort.ts";
import { enumerate, grouped, plural } from "./numbers.ts";
import type { Run } from "./run.ts";

/** What a reader must know to trust the numbers, each note with its subject first. */
export function notes(all: readonly Run[]): { readonly subject: string; readonly text: string }[] {
  const { runs, controls } = cohortOf(all);
  const { config } = runs[0];
  const { every, episodes, finalEpisodes } = config.evaluation;
  const final =
    typeof finalEpisodes === "number" ? `; the final number is over ${plural(finalEpisodes, "episode")}` : "";
  const spread =
    runs.length > 1
      ? `± is one standard deviation over the ${runs.length} seeds.`
      : "± is one standard deviation over evaluation episodes of one training; another seed may differ by more.";
  const found = [
    { subject: "True reward", text: trueRewardNote(runs) },
    {
      subject: "Evaluation",
      text:
        `Every ${grouped(every)} steps ${plural(episodes, "episode")} with the policy's most likely action, each from ` +
        `a fresh seed${final}. It is the last policy that counts, not the best one on the way. ${spread}`,
    },
    { subject: "Environment steps", text: stepsNote(runs) },
    ...(config.command === "train"
      ? [{ subject: "Negative controls", text: controlsNote(runs, controls.length) }]
      : []),
    { subject: "Numerics", text: kernelsNote(runs) },
    ...failures(runs),
    ...differences(runs),
    ...oddities(runs),
  ];
  return found;
}

function trueRewardNote(runs: readonly Run[]): string {
  if (runs[0].config.command === "expert") {
    return "This policy was trained on the true reward itself: it makes demonstrations, it does not learn from them.";
  }
  return (
    "Used for this report only: returns, correlations and the comparison with the expert. Nothing that learns, selects " +
    "or stops reads it."
  );
}

function stepsNote(runs: readonly Run[]): string {
  const counts = stepCounts(runs);
  const total = (field: "train" | "rewardRollout" | "evaluation"): string =>
    grouped(counts.reduce((sum, steps) => sum + steps[field], 0));
  if (counts.length === 0) return "Not counted yet: the first evaluation reports them.";
  const all = runs.length > 1 ? "Over all seeds: " : "";
  return (
    `${all}${total("train")} for the policy to learn from, ${total("rewardRollout")} more only for the reward's gradient, ` +
    `${total("evaluation")} to evaluate. The demonstrations hold ${grouped(counts[0].expert)}. None is left out of the count.`
  );
}

function controlsNote(runs: readonly Run[], controls: number): string {
  const name = controlName(runs[0].config);
  if (name !== null) return `This is one: ${name} in place of what the demonstrations teach.`;
  if (controls > 0)
    return "Learners that were not shown what the expert did set the level that needs no demonstrations.";
  return (
    "None was run beside these. Where living longer already earns (Hopper, Walker2d), a constant reward can do well; " +
    "compare before crediting the demonstrations."
  );
}

function kernelsNote(runs: readonly Run[]): string {
  const builds = [...new Set(runs.map(({ config }) => config.kernels))];
  const relaxed = builds.includes("relaxed-simd")
    ? "Fused multiply-adds round as the processor does, so that another kind of processor may give other last bits."
    : "Plain SIMD rounds alike on every engine and processor.";
  return `Kernels: ${enumerate(builds)}, float32. ${relaxed}`;
}

/** Signs of failure seen while training, each as it stood last. */
function failures(runs: readonly Run[]): { subject: string; text: string }[] {
  const sentences = runs.flatMap((run) => {
    const whose = runs.length > 1 ? `${run.name}: ` : "";
    return latestFindings(run.findings).map((finding) => `${whose}${findingSentence(finding)}.`);
  });
  return sentences.length === 0 ? [] : [{ subject: "Signs of failure", text: sentences.join(" ") }];
}

/** One record a finding: that of its end takes the place of that of its beginning. */
export function latestFindings(findings: readonly FindingRecord[]): FindingRecord[] {
  return [...new Map(findings.map((finding) => [`${finding.signature} ${finding.since}`, finding])).values()];
}

/** Settings beside the seed in which the runs differ. */
function differences(runs: readonly Run[]): { subject: string; text: string }[] {
  const [first, ...others] = runs.map(({ config }) => new Map(flatten(config)));
  const differing = [...first.keys()].filter(
    (path) => path !== "seed" && others.some((config) => config.get(path) !== first.get(path)),
  );
  if (differing.length === 0) return [];
  const text = `The runs differ in more than their seed (${enumerate(differing)}); their mean mixes what was not alike.`;
  return [{ subject: "Mixed settings", text }];
}

function oddities(runs: readonly Run[]): { subject: string; text: string }[] {
  const cut = runs.filter(({ halfWritten }) => halfWritten).map(({ name }) => name);
  const kinds = [...new Set(runs.flatMap(({ unknownKinds }) => unknownKinds))];
  return [
    {
      subject: "Cut short",
      text: cut.length > 0 ? `The last record of ${enumerate(cut)} was half written and is left out.` : "",
    },
    {
      subject: "Left out",
      text: kinds.length > 0 ? `Records of kinds unknown to this version: ${enumerate(kinds)}.` : "",
    },
  ].filter(({ text }) => text !== "");
}
