/** The suites that come with Tandem. */
import { parseSuite, type Suite, type WrittenSuite } from "./suite.ts";

/** Too short to learn. Demonstrations of built-in suites are looked for in the working directory. */
const QUICK: WrittenSuite = {
  name: "quick",
  title: "Three methods on two tasks for a few minutes: what the tool does, not what they can",
  tasks: [
    {
      name: "HalfCheetah",
      env: "HalfCheetah-v5",
      demos: "demonstrations/halfcheetah-v5-tandem-sac.npz",
      trajectories: [0],
      steps: 4000,
    },
    {
      name: "Hopper",
      env: "Hopper-v5",
      demos: "demonstrations/hopper-v5-tandem-sac.npz",
      trajectories: [0],
      steps: 4000,
    },
  ],
  methods: [
    { name: "ml-irl", options: { method: "ml-irl" } },
    { name: "dac", options: { method: "dac" } },
    { name: "sqil", options: { method: "sqil" } },
  ],
  seeds: [1],
  train: { "start-steps": 1000, "evaluate-every": 400, "evaluation-episodes": 1, "final-episodes": 2 },
};

const TABULAR = ["GridWorld", "ObjectWorld"];
const perTable = <Value>(value: Value): Record<string, Value> =>
  Object.fromEntries(TABULAR.map((task) => [task, value]));

const SMALL_CLASSIFIER = { "discriminator-hidden": [64, 64], "discriminator-batch": 64 };
const SMALL_REWARD = { "reward-network": "two-layer:256" };

/** Ten episodes of a small task: three to learn from, three that are only measured on. */
const small = (name: string, env: string): WrittenSuite["tasks"][number] => ({
  name,
  env,
  demos: `demonstrations/${env.toLowerCase()}-tandem.npz`,
  trajectories: [0, 1, 2],
  heldOut: [7, 8, 9],
  steps: 20_000,
});

const fIrl = (name: string, divergence: string): WrittenSuite["methods"][number] => ({
  name,
  options: { method: "f-irl", divergence, ...SMALL_REWARD, ...SMALL_CLASSIFIER },
});

/**
 * Every method on tasks that are learnt in seconds. Settings are the tasks' defaults with small networks; which pilot runs had been
 * seen when they were settled: docs/decisions/0008-small-tasks.md.
 * What is taught by a classifier's logit, whose sign else decides whether to live (arXiv:1809.02925), has an absorbing state where
 * episodes end; AIRL's reward sees actions where moves are chance, as its f is an advantage. See docs/bench.md.
 */
const SMALL: WrittenSuite = {
  name: "small",
  title: "Every method on CartPole and two tabular tasks",
  tasks: [
    small("CartPole", "CartPole-v1"),
    small("GridWorld", "GridWorld-v0"),
    small("ObjectWorld", "ObjectWorld-v0"),
  ],
  methods: [
    { name: "ml-irl", options: { method: "ml-irl", ...SMALL_REWARD } },
    {
      name: "ml-irl-nested",
      options: { method: "ml-irl-nested", "most-rounds": 3, ...SMALL_REWARD },
      // The shortest that can be judged: two episodes.
      perTask: { CartPole: { "round-steps": 1000 }, ...perTable({ "round-steps": 200 }) },
    },
    {
      name: "dac",
      options: { method: "dac", ...SMALL_CLASSIFIER },
      perTask: { CartPole: { termination: "absorbing" } },
    },
    {
      name: "airl",
      options: { method: "airl", "shaping-hidden": [64, 64], ...SMALL_CLASSIFIER },
      perTask: { CartPole: { termination: "absorbing" }, ...perTable({ "reward-inputs": "state-action" }) },
    },
    fIrl("f-irl-fkl", "forward-kl"),
    fIrl("f-irl-rkl", "reverse-kl"),
    fIrl("f-irl-js", "jensen-shannon"),
    { name: "sqil", options: { method: "sqil" } },
    // Off by default: docs/iq-learn.md.
    ...(process.env.TANDEM_IQ_LEARN === "1" ? [{ name: "iq-learn", options: { method: "iq-learn" } }] : []),
    { name: "bc", updates: 20_000, options: { method: "bc" } },
    { name: "mce-irl", updates: 1000, options: { method: "mce-irl" }, tasks: TABULAR },
  ],
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  audit: true,
  train: { "evaluate-every": 1000, "evaluation-episodes": 5, "final-episodes": 10 },
};

/** In the order in which they are listed. */
export const SUITES: readonly Suite[] = [QUICK, SMALL].map((suite) => parseSuite(suite.name, suite));
