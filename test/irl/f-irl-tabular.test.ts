/**
 * The gradient of f-IRL against the exact divergence of tabular problems, trajectory by trajectory. Rewards are alpha log k with k
 * whole, so that exp(R / alpha) is a whole number of copies of each trajectory: a sample that is the distribution itself.
 */
import { expect, it } from "vitest";
import { box, keyFromSeed, nextUniform, streamOf, type Trajectories } from "../../src/core/index.ts";
import type { TabularMdp } from "../../src/envs/index.ts";
import {
  addDivergenceDescent,
  createRewardModel,
  DIVERGENCES,
  meansOver,
  type Divergence,
  type EpisodeMeans,
  type RewardModel,
} from "../../src/irl/index.ts";
import { mlpShape } from "../../src/nn/index.ts";
import { occupancyOver, softValueIterationOver } from "../../src/rl/index.ts";
import { describeBuilds, download, U } from "../kernels/builds.ts";
import { expectClose } from "../reference/closeness.ts";
import { toTrajectories } from "../reference/episodes.ts";
import { readMlp } from "../reference/mlp.ts";
import { farthest } from "../reference/tabular.ts";

const DIVERGENCE_NAMES = Object.keys(DIVERGENCES) as Divergence[];
const ALPHA = 0.7;
const STATES = 3;
/** Not clipped. */
const WIDE = 50;

/** f(u) of D_f = E_agent[f(u)]: the definitions, from which h_f = f - f' u follows by differences. */
const F: Record<Divergence, (u: number) => number> = {
  "forward-kl": (u) => u * Math.log(u),
  "reverse-kl": (u) => -Math.log(u),
  "jensen-shannon": (u) => u * Math.log(u) - (1 + u) * Math.log((1 + u) / 2),
};

const divergenceOf = (name: Divergence, expert: readonly number[], agent: readonly number[]): number =>
  agent.reduce((sum, rho, s) => sum + rho * F[name](expert[s] / rho), 0);

/** States visited, one after another, whether an end came then, and the probability of that under the dynamics alone. */
interface Path {
  readonly states: readonly number[];
  readonly terminated: boolean;
  readonly chance: number;
}

/** Central differences in each coordinate; their error in the functions here is below 1e-8. */
function slopes(at: readonly number[], value: (x: readonly number[]) => number): number[] {
  const h = 1e-5;
  return at.map((x, i) => (value(at.with(i, x + h)) - value(at.with(i, x - h))) / (2 * h));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const normalised = (values: readonly number[]): number[] => values.map((value) => value / sum(values));

/** rho(s) = E[visits of s] / E[steps] where p(tau) ~ chance exp(R / alpha); a path of fewer steps stays in state `after` up to `horizon`, if there is one. */
function marginal(
  paths: readonly Path[],
  rewards: readonly number[],
  horizon: number,
  after: number | null,
): number[] {
  const visits = rewards.map(() => 0);
  for (const { states, terminated, chance } of paths) {
    const stay =
      after !== null && terminated ? Array.from({ length: horizon - states.length }, () => after) : [];
    const all = [...states, ...stay];
    const weight = chance * Math.exp(sum(all.map((s) => rewards[s])) / ALPHA);
    for (const s of all) visits[s] += weight;
  }
  return normalised(visits);
}

const episodeOf = ({ states, terminated }: Path): Trajectories => {
  const trajectories = toTrajectories([
    {
      observations: states.map((s) => Array.from({ length: STATES }, (_, i) => (i === s ? 1 : 0))),
      actions: states.map(() => [0]),
    },
  ]);
  if (terminated) {
    trajectories.terminated[states.length - 1] = 1;
    trajectories.truncated[states.length - 1] = 0;
  }
  return trajectories;
};

/** How often each path must be in a sample for its share to be that of exp(R / alpha), R the sum of alpha log k. */
const copiesOf = (paths: readonly Path[], wholes: readonly number[], horizon: number): number[] =>
  paths.map(({ states, terminated }) => {
    const living = states.reduce((product, s) => product * wholes[s], 1);
    const stay = terminated && wholes.length > STATES ? horizon - states.length : 0;
    return living * (wholes[STATES] ?? 1) ** stay;
  });
const rewardsOf = (wholes: readonly number[]): number[] => wholes.map((k) => ALPHA * Math.log(k));
const logRatiosOf = (expert: readonly number[], agent: readonly number[]): number[] =>
  expert.map((rho, s) => Math.log(rho / agent[s]));

describeBuilds("the gradient of f-IRL", (kernels) => {
  /** Linear in one-hot states: a weight a state, that of the absorbing state, and a bias. */
  const linear = (weights: readonly number[], absorbing: boolean): RewardModel => {
    const model = createRewardModel(
      kernels,
      STATES,
      box(1, -1, 1),
      {
        inputs: "state",
        network: { kind: "mlp", hidden: [] },
        optimiser: "ascent",
        stepSize: 1,
        stepSizeDecay: 0,
        regulariser: { kind: "none" },
        absorbing,
      },
      keyFromSeed(1),
    );
    kernels.fill(model.network.length, model.network.parameters, 0);
    kernels.f32(model.network.parameters, weights.length).set(weights);
    return model;
  };

  /** The library's gradient of the divergence on these paths, each as often as `copies` says, with N in the place of N - 1. */
  const gradientOn = (
    divergence: Divergence,
    paths: readonly Path[],
    copies: readonly number[],
    logRatios: readonly number[],
    rewards: readonly number[],
    horizon: number,
    clip = WIDE,
  ): { gradient: number[]; descent: EpisodeMeans } => {
    const absorbing = rewards.length > STATES;
    const reward = linear(rewards, absorbing);
    const classifier = linear(logRatios, absorbing);
    const episodes = paths.flatMap((path, i) => Array.from({ length: copies[i] }, () => episodeOf(path)));
    const sums = addDivergenceDescent(kernels, reward, classifier, episodes, {
      divergence,
      logRatioClip: clip,
      temperature: ALPHA,
      horizon,
    });
    const unbiased = (episodes.length - 1) / episodes.length;
    const shape = mlpShape([reward.network.features, 1]);
    const gradient = readMlp(kernels, shape, reward.gradient).map((g) => -g * unbiased);
    return { gradient, descent: meansOver(sums) };
  };
  /** float32: weights and logits are stored, and a few hundred copies are summed; ratios here are below 8. */
  const tolerance = 2000 * U;

  // Two actions that lead elsewhere, from each state.
  const NEXT = [
    [0, 1],
    [2, 0],
    [1, 2],
  ];
  const HORIZON = 4;
  const EXPERT = [0.2, 0.5, 0.3];
  const WHOLES = [1, 2, 3];
  /** All action sequences of the horizon from `start`. */
  const pathsFrom = (start: number, chance = 1): Path[] =>
    Array.from({ length: 2 ** HORIZON }, (_, code) => {
      const states = [start];
      for (let t = 0; t + 1 < HORIZON; t++) states.push(NEXT[states[t]][(code >> t) & 1]);
      return { states, terminated: false, chance };
    });
  const deterministic = (initial: readonly number[]): TabularMdp => ({
    name: "turning",
    states: STATES,
    actions: 2,
    transitions: Float64Array.from(
      NEXT.flatMap((ways) => ways.flatMap((to) => [0, 1, 2].map((s) => (s === to ? 1 : 0)))),
    ),
    initial: Float64Array.from(initial),
    rewards: new Float64Array(2 * STATES),
  });
  /** rho of the soft-optimal policy of r(s) at temperature alpha, by soft value iteration. */
  const softMarginal = (mdp: TabularMdp, rewards: readonly number[]): number[] => {
    const scaled = Float64Array.from({ length: 2 * STATES }, (_, pair) => rewards[pair >> 1] / ALPHA);
    const { logPolicy } = softValueIterationOver(HORIZON, mdp, scaled, { discount: 1, values: "plain" });
    const visits = occupancyOver(HORIZON, mdp, logPolicy, 1);
    return [0, 1, 2].map((s) => (visits[2 * s] + visits[2 * s + 1]) / HORIZON);
  };

  it.each(DIVERGENCE_NAMES)(
    "is the slope of the exact divergence of the soft-optimal policy, one start and sure steps (%s)",
    (divergence) => {
      const mdp = deterministic([1, 0, 0]);
      const rewards = rewardsOf(WHOLES);
      const paths = pathsFrom(0);
      const agent = softMarginal(mdp, rewards);
      expectClose(agent, marginal(paths, rewards, HORIZON, null), 1e-12);
      const { gradient, descent } = gradientOn(
        divergence,
        paths,
        copiesOf(paths, WHOLES, HORIZON),
        logRatiosOf(EXPERT, agent),
        rewards,
        HORIZON,
      );
      const exact = slopes(rewards, (r) => divergenceOf(divergence, EXPERT, softMarginal(mdp, r)));
      expect(Math.max(...exact.map(Math.abs))).toBeGreaterThan(0.02);
      // All episodes are as long: the bias of the reward changes nothing.
      expectClose(gradient, [...exact, 0], tolerance);
      const { expertTerm } = DIVERGENCES[divergence];
      const expert = sum(EXPERT.map((rho, s) => rho * expertTerm(Math.log(rho / agent[s]))));
      expectClose(
        [descent.divergenceTerm + expert, descent.length, descent.return, descent.recordedReward],
        [
          divergenceOf(divergence, EXPERT, agent),
          4,
          4 * sum(agent.map((rho, s) => rho * rewards[s])),
          sum(agent.map((rho, s) => rho * rewards[s])),
        ],
        tolerance,
      );
    },
  );

  // From every state one may leave for good instead of going on; up to the horizon.
  const leaving = (horizon: number): Path[] => {
    const paths: Path[] = [];
    const go = (states: readonly number[]): void => {
      if (states.length === horizon) paths.push({ states, terminated: false, chance: 1 });
      else {
        paths.push({ states, terminated: true, chance: 1 });
        for (const next of NEXT[states[states.length - 1]]) go([...states, next]);
      }
    };
    go([0]);
    return paths;
  };

  it.each(DIVERGENCE_NAMES)(
    "is that of marginals over time lived where episodes end and nothing follows (%s)",
    (divergence) => {
      const rewards = rewardsOf(WHOLES);
      const paths = leaving(HORIZON);
      const rho = (r: readonly number[]): number[] => marginal(paths, r, HORIZON, null);
      const { gradient, descent } = gradientOn(
        divergence,
        paths,
        copiesOf(paths, WHOLES, HORIZON),
        logRatiosOf(EXPERT, rho(rewards)),
        rewards,
        HORIZON,
      );
      const exact = slopes([...rewards, 0], ([a, b, c, bias]) =>
        divergenceOf(divergence, EXPERT, rho([a + bias, b + bias, c + bias])),
      );
      expect(Math.min(...exact.map(Math.abs))).toBeGreaterThan(0.002);
      expectClose(gradient, exact, tolerance);
      expect(descent.length).toBeLessThan(HORIZON);
    },
  );

  it.each(DIVERGENCE_NAMES)(
    "is that of marginals up to the horizon where an end leads to an absorbing state (%s)",
    (divergence) => {
      const wholes = [...WHOLES, 2];
      const rewards = rewardsOf(wholes);
      const expert = [0.2, 0.35, 0.3, 0.15];
      const paths = leaving(HORIZON);
      const rho = (r: readonly number[]): number[] => marginal(paths, r, HORIZON, STATES);
      const { gradient, descent } = gradientOn(
        divergence,
        paths,
        copiesOf(paths, wholes, HORIZON),
        logRatiosOf(expert, rho(rewards)),
        rewards,
        HORIZON,
      );
      const exact = slopes(rewards, (r) => divergenceOf(divergence, expert, rho(r)));
      expect(Math.min(...exact.map(Math.abs))).toBeGreaterThan(0.002);
      expectClose(gradient, [...exact, 0], tolerance);
      expectClose([descent.length], [HORIZON], 1e-12);
    },
  );

  it("takes luck for choice: of several starts it is the policy's own only start by start", () => {
    const initial = [0.5, 0.25, 0.25];
    const mdp = deterministic(initial);
    const rewards = rewardsOf(WHOLES);
    const agent = softMarginal(mdp, rewards);
    const on = (paths: readonly Path[], copies: readonly number[]): number[] =>
      gradientOn("reverse-kl", paths, copies, logRatiosOf(EXPERT, agent), rewards, HORIZON).gradient;
    // The policy does not choose its start: each keeps its share, whatever the copies of its trajectories.
    const within = initial.map((share, start) => {
      const paths = pathsFrom(start);
      return on(paths, copiesOf(paths, WHOLES, HORIZON)).map((g) => share * g);
    });
    const exact = slopes(rewards, (r) => divergenceOf("reverse-kl", EXPERT, softMarginal(mdp, r)));
    const perStart = within[0].map((_, i) => sum(within.map((g) => g[i])));
    expectClose(perStart, [...exact, 0], tolerance);

    // All together the theorem is about p(tau) ~ mu0(s_0) exp(R / alpha), which prefers the starts from which much can be had.
    const paths = [0, 1, 2].flatMap((start) => pathsFrom(start, initial[start]));
    const copies = copiesOf(paths, WHOLES, HORIZON).map((count, i) => 4 * count * paths[i].chance);
    const chosen = (r: readonly number[]): number[] => marginal(paths, r, HORIZON, null);
    const logRatios = logRatiosOf(EXPERT, chosen(rewards));
    const { gradient } = gradientOn("reverse-kl", paths, copies, logRatios, rewards, HORIZON);
    const theorem = slopes(rewards, (r) => divergenceOf("reverse-kl", EXPERT, chosen(r)));
    expectClose(gradient, [...theorem, 0], tolerance);
    expect(farthest(theorem, exact)).toBeGreaterThan(0.01);
  });

  it("takes luck for choice: where steps are chance it is that of p(tau) ~ P(dynamics) exp(R / alpha)", () => {
    // From each state action 0 leads to either neighbour, action 1 to the second.
    const mdp = deterministic([1, 0, 0]);
    NEXT.forEach(([first, second], s) => {
      mdp.transitions.fill(0, 6 * s, 6 * s + 3);
      mdp.transitions[6 * s + first] = 0.5;
      mdp.transitions[6 * s + second] = 0.5;
    });
    const paths: Path[] = [];
    const go = (states: readonly number[], chance: number): void => {
      if (states.length === HORIZON) {
        paths.push({ states, terminated: false, chance });
        return;
      }
      const [first, second] = NEXT[states[states.length - 1]];
      go([...states, first], chance / 2);
      go([...states, second], chance / 2);
      go([...states, second], chance);
    };
    go([0], 1);
    const rewards = rewardsOf(WHOLES);
    const lucky = (r: readonly number[]): number[] => marginal(paths, r, HORIZON, null);
    const copies = copiesOf(paths, WHOLES, HORIZON).map((count, i) => 8 * count * paths[i].chance);
    const logRatios = logRatiosOf(EXPERT, lucky(rewards));
    const { gradient } = gradientOn("forward-kl", paths, copies, logRatios, rewards, HORIZON);
    const theorem = slopes(rewards, (r) => divergenceOf("forward-kl", EXPERT, lucky(r)));
    expectClose(gradient, [...theorem, 0], tolerance);
    const exact = slopes(rewards, (r) => divergenceOf("forward-kl", EXPERT, softMarginal(mdp, r)));
    expect(farthest(theorem, exact)).toBeGreaterThan(0.01);
  });

  it("over episodes of two kinds is what their means differ in: ML-IRL's direction, as far as one matches better", () => {
    const paths = [0, 1].map((way): Path => ({
      states: [0, 1, way * 2, way * 2],
      terminated: false,
      chance: 1,
    }));
    const logRatios = [-1, 0.5, 2];
    const { gradient } = gradientOn("reverse-kl", paths, [6, 2], logRatios, rewardsOf(WHOLES), HORIZON);
    // cov = p (1 - p) (H_1 - H_0) (grad R_1 - grad R_0), H = sum (1 - log u).
    const scores = paths.map(({ states }) => sum(states.map((s) => 1 - logRatios[s])));
    const factor = (0.75 * 0.25 * (scores[1] - scores[0])) / (ALPHA * HORIZON);
    expectClose(gradient, [-2 * factor, 0, 2 * factor, 0], tolerance);
  });

  it("clips log ratios on both sides before h_f, and says how many", () => {
    const rewards = rewardsOf(WHOLES);
    const paths = pathsFrom(0);
    const copies = copiesOf(paths, WHOLES, HORIZON);
    for (const divergence of DIVERGENCE_NAMES) {
      const wild = gradientOn(divergence, paths, copies, [2, 0.5, -7], rewards, HORIZON, 1.5);
      const tame = gradientOn(divergence, paths, copies, [1.5, 0.5, -1.5], rewards, HORIZON);
      expect(wild.gradient).toEqual(tame.gradient);
      expect(wild.descent.divergenceTerm).toBe(tame.descent.divergenceTerm);
      expect(tame.descent.clippedShare).toBe(0);
      const rho = marginal(paths, rewards, HORIZON, null);
      expect(wild.descent.clippedShare).toBeCloseTo(rho[0] + rho[2], 12);
    }
  });

  it("is inverse to the temperature, and 0 where all episodes score alike", () => {
    const paths = pathsFrom(0);
    const reward = linear(rewardsOf(WHOLES), false);
    const episodes = paths.map(episodeOf);
    const gradientAt = (temperature: number, logRatios: readonly number[]): Float32Array => {
      kernels.fill(reward.network.length, reward.gradient, 0);
      addDivergenceDescent(kernels, reward, linear(logRatios, false), episodes, {
        divergence: "reverse-kl",
        logRatioClip: WIDE,
        temperature,
        horizon: HORIZON,
      });
      return download(kernels, reward.gradient, STATES);
    };
    expect(gradientAt(0.25, [1, 0, -1])).toEqual(gradientAt(1, [1, 0, -1]).map((g) => 4 * g));
    expect(gradientAt(1, [1, 1, 1]).every((g) => g === 0)).toBe(true);
  });
});

it.each(DIVERGENCE_NAMES)("h_f is f - f' u, and both terms make up the divergence: %s", (name) => {
  const { slope, expertTerm, agentTerm } = DIVERGENCES[name];
  for (const u of [0.01, 0.3, 1, 2.5, 40]) {
    const h = 1e-6 * u;
    const derivative = (F[name](u + h) - F[name](u - h)) / (2 * h);
    expect(slope(Math.log(u))).toBeCloseTo(F[name](u) - derivative * u, 6);
  }
  const stream = streamOf(keyFromSeed(4));
  const [expert, agent] = [0, 1].map(() => normalised(Array.from({ length: 6 }, () => nextUniform(stream))));
  const terms = expert.map(
    (rho, s) => rho * expertTerm(Math.log(rho / agent[s])) + agent[s] * agentTerm(Math.log(rho / agent[s])),
  );
  expect(sum(terms)).toBeCloseTo(divergenceOf(name, expert, agent), 12);
  expect(divergenceOf(name, expert, agent)).toBeGreaterThan(0.01);
});

it("h_f is finite wherever a log ratio may be clipped to", () => {
  for (const { slope, expertTerm, agentTerm } of Object.values(DIVERGENCES))
    for (const x of [-80, 80])
      for (const term of [slope, expertTerm, agentTerm]) expect(Number.isFinite(term(x))).toBe(true);
});
