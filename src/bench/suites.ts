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

/** In the order in which they are listed. */
export const SUITES: readonly Suite[] = [QUICK].map((suite) => parseSuite(suite.name, suite));
