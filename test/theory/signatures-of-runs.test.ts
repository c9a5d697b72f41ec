import { describe, expect, it } from "vitest";
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { GARNET, garnetMdp } from "../../src/envs/index.ts";
import { createSoftQMlIrl, softQMlIrlIteration, type SoftQMlIrl } from "../../src/irl/index.ts";
import { loadKernels, type Kernels } from "../../src/kernels/index.ts";
import {
  runTabularCell,
  TABULAR_DEFAULTS,
  type TabularOutcome,
  type TabularSetting,
} from "../../src/lab/index.ts";
import { createTabularProblem, softValueIteration, type VisitedRows } from "../../src/rl/index.ts";
import { createSignatureState, observe, type SignatureState } from "../../src/theory/index.ts";

/** A run of 1000 iterations; windows of 100, and as many measurements, so that a measurement's means are a window's. */
function run(changes: Partial<TabularSetting>): Promise<TabularOutcome> {
  const setting = { ...TABULAR_DEFAULTS, iterations: 1000, measurements: 10, ...changes };
  return runTabularCell(setting, () => 0);
}

/** The first iteration of the first window whose mean is above one half. */
const firstAbove = (outcome: TabularOutcome, name: "projectedPolicyShare" | "projectedRewardShare"): number =>
  100 * (outcome.points.findIndex((point) => point[name] > 0.5) - 1);

describe("a run of the algorithm", () => {
  it.each(Array.from({ length: 10 }, (_, seed) => seed))(
    "raises no alarm where it learns (%i)",
    async (seed) => {
      const { points, findings } = await run({
        seed,
        problem: { family: "garnet", ...GARNET, seed },
        iterations: 2000,
      });
      expect(points[points.length - 1].relativeGap).toBeLessThan(0.2);
      expect(findings).toEqual([]);
    },
  );

  it.each<[string, Partial<TabularSetting>]>([
    ["a policy that hardly learns", { policyStepSize: 0.001, rewardStepSize: 0.2 }],
    ["a policy that overshoots", { policyStepSize: 12 }],
    ["a reward far too fast", { rewardStepSize: 5 }],
  ])("shows policy divergence of %s", async (_, changes) => {
    const { points, findings } = await run({ ...changes, measurements: 50 });
    const errors = points.slice(1).map(({ trackingError }) => trackingError);
    const since = errors.findIndex((__, i) => {
      const bound = Math.max(1, Math.min(3, 5 * Math.min(...errors.slice(0, i))));
      return i + 3 <= errors.length && Math.min(...errors.slice(i, i + 3)) > bound;
    });
    expect(since).toBeGreaterThanOrEqual(0);
    expect(findings[0]).toContain(`policy divergence since iteration ${points[since + 1].iteration - 1}:`);
    expect(errors[errors.length - 1]).toBeGreaterThan(1);
  });

  it("shows policy saturation from the window on in which its ball is full", async () => {
    const outcome = await run({ policyRadius: 5 });
    const since = firstAbove(outcome, "projectedPolicyShare");
    expect(since).toBeGreaterThan(0);
    expect(outcome.findings).toHaveLength(1);
    expect(outcome.findings[0]).toContain(`policy saturation since iteration ${since}:`);
  });

  it("shows reward saturation from the window on in which its ball is full", async () => {
    const outcome = await run({ rewardRadius: 1 });
    const since = firstAbove(outcome, "projectedRewardShare");
    expect(outcome.points[1].projectedRewardShare).toBeLessThan(0.5);
    expect(outcome.findings).toHaveLength(1);
    expect(outcome.findings[0]).toContain(`reward saturation since iteration ${since}:`);
  });

  it("shows reward oscillation where the reward turns faster than its policy follows, and that it dies down", async () => {
    // Two states and fifty trajectories: the gap is hardly noise. alpha / (eta T) is 2, against 0.001 elsewhere.
    const { findings, points } = await run({
      problem: { family: "garnet", ...GARNET, states: 2, actions: 2, branching: 2 },
      iterations: 2000,
      rewardStepSize: 0.5,
      policyStepSize: 0.05,
      innerSteps: { first: 5, growth: 0 },
      trajectories: 50,
    });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/^reward oscillation in iterations 0 to \d+: the return gap swings/);
    expect(points[points.length - 1].relativeGap).toBeLessThan(0.2);
  });

  it("says what went out of bounds first, and ends", async () => {
    const { end, findings } = await run({
      rewardStepSize: 1e30,
      rewardRadius: Infinity,
      policyRadius: Infinity,
    });
    expect(end).toBe("not finite");
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/rewardTravel is Infinity at iteration 0; lower the step sizes/);
  });
});

function smallRun(kernels: Kernels): SoftQMlIrl {
  const mdp = garnetMdp(GARNET);
  const exact = { discount: 0.9, tolerance: 1e-9, values: "centred" } as const;
  const { logPolicy } = softValueIteration(mdp, mdp.rewards, exact);
  const problem = createTabularProblem(
    kernels,
    mdp,
    { kind: "fresh", logPolicy },
    {
      sampling: "markov-chain",
      replayCapacity: 1,
      horizon: 60,
      gradientDiscount: 0.9,
      batchCapacity: 50,
      trajectoryCapacity: 1,
    },
    () => {
      throw new Error("asked for a stationary distribution");
    },
    foldIn(keyFromSeed(3), 0),
  );
  const network = { width: 64, radius: 50 };
  return createSoftQMlIrl(
    kernels,
    problem,
    {
      softQ: {
        ...network,
        stepSize: 0.2,
        discount: 0.9,
        output: "average",
        backup: "soft-optimality",
        values: "centred",
      },
      innerSteps: { first: 50, growth: 0 },
      reward: { ...network, stepSize: 1e-4, decay: 0 },
      trajectories: 1,
      termination: "native",
      constantReward: null,
    },
    60,
    foldIn(keyFromSeed(3), 1),
  );
}

/** Both levels on a random problem whose agent's trajectories weigh `factor(k)` times what they should. */
async function spoiltRun(factor: (iteration: number) => number): Promise<SignatureState> {
  const kernels = await loadKernels();
  const state = smallRun(kernels);
  const { problem } = state;
  const spoilt = (rows: VisitedRows): VisitedRows => ({
    ...rows,
    weights: rows.weights.map((weight) => factor(state.iteration) * weight),
  });
  const fault = {
    ...state,
    problem: {
      ...problem,
      agentTrajectories: (...call: Parameters<typeof problem.agentTrajectories>) =>
        spoilt(problem.agentTrajectories(...call)),
    },
  };
  // Both share the ascent's room and networks; the spoilt one does the steps.
  const signatures = createSignatureState(40);
  for (let k = 0; k < 400; k++) {
    state.iteration = k;
    const record = softQMlIrlIteration(kernels, fault, () => 0);
    observe(signatures, { ...record, trackingError: null });
  }
  return signatures;
}

describe("trajectories gone bad", () => {
  it("show gradient explosion, since when and until when", async () => {
    const { findings } = await spoiltRun((k) => (k >= 200 && k < 290 ? 40 : 1));
    const explosion = findings.filter(({ signature }) => signature === "gradient explosion");
    // Windows of 40: 200 begins one, 290 lies in one that is over at 319, and bad enough; the next is clean.
    expect(explosion).toMatchObject([{ since: 200, until: 319 }]);
    expect((await spoiltRun(() => 1)).findings).toEqual([]);
  });
});
