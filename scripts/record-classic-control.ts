/**
 * Records the classic-control demonstrations in demonstrations/: the paper's algorithm learns from one episode of a
 * third-party expert, then five episodes of its most probable actions are written.
 *
 *     node scripts/record-classic-control.ts DEMOS
 *
 * DEMOS holds the third-party sets by name (see src/lab/experiments/cartpole.ts).
 */
import { join } from "node:path";
import { foldIn, keyFromSeed, meanReturn } from "../src/core/index.ts";
import { writeDemonstrations } from "../src/demos/index.ts";
import { makeEnvironment } from "../src/envs/index.ts";
import { EXPERIMENTS, runEpisodes, trainControl, type Cell, type ControlSetting } from "../src/lab/index.ts";
import { createSoftmaxActor } from "../src/rl/index.ts";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node scripts/record-classic-control.ts DEMOS");
  process.exit(1);
}
const EPISODES = 5;
const SEED = 7;
const cells = EXPERIMENTS.find(({ name }) => name === "cartpole")?.cells({ quick: false, thirdParty: true });
for (const environment of ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"]) {
  const cell = cells?.find(({ id }) =>
    id.startsWith(`${environment}, learned reward, seed`),
  ) as Cell<ControlSetting>;
  const demonstrations = join(folder, cell.setting.demonstrations);
  const setting = { ...cell.setting, demonstrations, seed: SEED, evaluations: 1, evaluationEpisodes: 1 };
  const { kernels, features, state } = await trainControl(setting, () => performance.now());
  const actor = createSoftmaxActor(kernels, features);
  const episodes = runEpisodes(
    await makeEnvironment(environment),
    EPISODES,
    foldIn(keyFromSeed(SEED), 1),
    (observation) => {
      actor.look(state.softQ.network, observation);
      return actor.best();
    },
  );
  const path = `demonstrations/${environment.toLowerCase()}-tandem-soft-q.npz`;
  await writeDemonstrations(path, episodes, {
    env: environment,
    policy: "ML-IRL with neural soft Q-learning",
  });
  console.log(`${path}: ${EPISODES} episodes, mean return ${meanReturn(episodes)}`);
}
