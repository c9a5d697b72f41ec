import { axisOver, panelOf, seriesLook, type Figure, type Mark, type XyPanel } from "../../report/index.ts";
import type { ControlOutcome, ControlPoint, ControlSetting } from "../control-cell.ts";
import type { CellResult, Findings, Target } from "../experiment.ts";
import { groupBy, mean } from "../tabular-experiment.ts";
import { intervalWords, meanInterval } from "../statistics.ts";

type Result = CellResult<ControlSetting, ControlOutcome>;

/** What counts as solved, and by how many seeds: CartPole's own threshold. */
const SOLVED = 475;
/** The arms that a figure shows; the table has all. */
const SHOWN = ["learned reward", "zero reward", "zero reward, plain values", "constant-action expert"];

/** The arm with absorbing states. */
const absorbing = (arm: string): string => `${arm}, absorbing states`;

/** Returns of the learned reward and of what could pass for it. */
export function controlFindings(results: readonly Result[]): Findings {
  const tasks = [...groupBy(results, ({ setting }) => setting.environment)];
  const rows = tasks.flatMap(([task, of]) =>
    [...groupBy(of, armOf)].map(([arm, group]) => {
      const last = group.map(finalPoint);
      return [
        task,
        arm,
        group[0].setting.termination,
        String(group.length),
        intervalWords(
          meanInterval(
            0,
            last.map((p) => p.meanReturn),
          ),
        ),
        Math.min(...last.map((p) => p.meanReturn)).toFixed(0),
        intervalWords(
          meanInterval(
            0,
            last.map((p) => p.greedyReturn),
          ),
        ),
        mean(group.map(({ outcome }) => outcome.expertReturn)).toFixed(1),
        mean(group.map(({ outcome }) => outcome.randomReturn)).toFixed(1),
        mean(last.map((p) => p.trainSteps + p.rewardSteps)).toFixed(0),
        mean(group.map(({ outcome }) => outcome.trainSeconds)).toFixed(1),
      ];
    }),
  );
  return {
    targets: targetsOf(results),
    tables: [
      {
        title: "True return at the end",
        columns: [
          "task",
          "taught by",
          "after an end",
          "seeds",
          "softmax policy",
          "worst seed",
          "most probable actions",
          "expert",
          "random",
          "steps",
          "seconds",
        ],
        rows,
      },
    ],
    figures: tasks.length > 0 ? [curves(tasks)] : [],
  };
}

function targetsOf(results: readonly Result[]): Target[] {
  const cartPole = results.filter(({ setting }) => setting.environment === "CartPole-v1");
  const returnsOf = (...arms: string[]): number[] =>
    cartPole.filter((result) => arms.includes(armOf(result))).map((result) => finalPoint(result).meanReturn);
  const returns = returnsOf("learned reward");
  if (returns.length === 0) return [];
  const solved = returns.filter((each) => each >= SOLVED).length;
  const targets: Target[] = [
    {
      what: "CartPole from one trajectory, softmax policy, mean of 100 episodes",
      wanted: `at least ${SOLVED} of 500 on every seed`,
      reached: `${solved} of ${returns.length} seeds, worst ${Math.min(...returns).toFixed(0)}`,
      met: solved === returns.length,
    },
  ];
  for (const [name, control, learned] of [
    ["zero reward", returnsOf("zero reward"), returns],
    ["constant-action expert", returnsOf("constant-action expert"), returns],
    [
      absorbing("zero or constant reward"),
      returnsOf(...["zero reward", "constant reward 1", "constant reward -1"].map(absorbing)),
      returnsOf(absorbing("learned reward")),
    ],
  ] as const) {
    if (control.length === 0 || learned.length === 0) continue;
    targets.push({
      what: `CartPole, ${name}: what the task gives away`,
      wanted: "best seed below the learned reward's worst",
      reached: Math.max(...control).toFixed(0),
      met: Math.max(...control) < Math.min(...learned),
    });
  }
  return targets;
}

function curves(tasks: readonly (readonly [string, readonly Result[]])[]): Figure {
  return {
    id: "cartpole",
    title: "Learned rewards and their controls",
    caption:
      "True return of the softmax policy, mean and 95 % interval over seeds, each seed with a demonstration of " +
      "its own. Centred values pay nothing for entropy gained by surviving; plain ones do, which is the leak.",
    layout: "small",
    legend: "shared",
    panels: tasks.map(([task, results]) => curvePanelOf(task, results)),
  };
}

function curvePanelOf(task: string, results: readonly Result[]): XyPanel {
  const arms = [...groupBy(results, armOf)].filter(([arm]) => SHOWN.includes(arm));
  const marks = arms.map(([arm, group]): Mark => {
    const { tone, marker, dash } = seriesLook(SHOWN.indexOf(arm));
    const points = group[0].outcome.points.map((point, i) =>
      meanInterval(
        point.iteration,
        group.flatMap(({ outcome }) => outcome.points[i]?.meanReturn ?? []),
      ),
    );
    return { kind: "intervals", name: arm, tone, marker, joined: dash, points };
  });
  const expert = mean(
    results.filter((r) => r.setting.expert === "demonstrated").map((r) => r.outcome.expertReturn),
  );
  const iterations = results.flatMap(({ outcome }) => outcome.points.map(({ iteration }) => iteration));
  const x = axisOver({ label: "Iterations", unit: null, format: "count" }, [0, ...iterations], {
    nice: false,
  });
  const rule: Mark = { kind: "rule", name: "expert", tone: "expert", style: "dashed", y: expert };
  const panel = panelOf(x, { label: "True return" }, [...marks, rule]);
  return { ...panel, note: task };
}

function armOf({ id }: Result): string {
  return id.replace(/^[^,]+, /, "").replace(/, seed \d+$/, "");
}

function finalPoint({ outcome }: Result): ControlPoint {
  return outcome.points[outcome.points.length - 1];
}
