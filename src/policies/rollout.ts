import { appendStep, createTrajectoryBuilder, takeTrajectories, type Trajectories } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import { actionSize, type Policy } from "./policy.ts";

/**
 * One episode of `policy` from the start that `seed` gives, with its actions as they were stepped, in the environment's
 * own units.
 *
 * @param afterStep called after each step and, where it returns a promise, awaited; an error of it ends the episode
 */
export async function policyEpisode(
  environment: Environment,
  policy: Policy,
  seed: number,
  afterStep: () => void | Promise<void> = () => {},
): Promise<Trajectories> {
  const observation = new Float64Array(environment.observationSpace.size);
  const action = new Float32Array(actionSize(policy.about.output));
  const builder = createTrajectoryBuilder(observation.length, action.length);
  observation.set(environment.reset({ seed }).observation);
  for (let ended = false; !ended;) {
    const acting = policy.act(observation, action);
    if (acting) await acting;
    const { observation: next, reward, terminated, truncated } = environment.step(action);
    appendStep(builder, observation, action, next, reward, terminated, truncated);
    observation.set(next);
    ended = terminated || truncated;
    const pausing = afterStep();
    if (pausing) await pausing;
  }
  return takeTrajectories(builder);
}
