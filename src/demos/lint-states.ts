/** The simulator's state at a recorded step, where the recording shows it. */
import type { Environment, EnvironmentState } from "../envs/index.ts";

/** The state that an observation shows, what it hides set to 0; null where it does not show enough. */
export function shownState(
  environment: Environment,
  observation: ArrayLike<number>,
): EnvironmentState | null {
  if (isClipped(environment.id, observation)) return null;
  if (environment.stateFromObservation) return environment.stateFromObservation(observation);
  return CLASSIC[environment.id.replace(/-v\d+$/, "")]?.(observation) ?? null;
}

/** States of classic control by the task's name. */
const CLASSIC: Readonly<Record<string, (observation: ArrayLike<number>) => EnvironmentState>> = {
  CartPole: (observation) => ({ state: observation }),
  MountainCar: (observation) => ({ state: observation }),
  Acrobot: ({ 0: cos1, 1: sin1, 2: cos2, 3: sin2, 4: velocity1, 5: velocity2 }) => ({
    state: [Math.atan2(sin1, cos1), Math.atan2(sin2, cos2), velocity1, velocity2],
  }),
};

/** Hopper and Walker2d show velocities within +-10: at a bound the true one is hidden. */
function isClipped(id: string, observation: ArrayLike<number>): boolean {
  return /^(Hopper|Walker2d)-/.test(id) && Array.from(observation).some((value) => Math.abs(value) === 10);
}
