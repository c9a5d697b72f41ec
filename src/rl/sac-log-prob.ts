import { portableExp, portableLog } from "../core/index.ts";
import type { Kernels } from "../kernels/index.ts";
import { mlpForward, mlpWorkspace, type MlpWorkspace } from "../nn/index.ts";
import { LOG_STD_HIGH, LOG_STD_LOW, type Sac } from "./sac.ts";

const HALF_LOG_2PI = 0.9189385332046727;

/** Room for `sacLogProb` on up to `rows` rows. */
export function logProbRoom(kernels: Kernels, sac: Sac, rows: number): MlpWorkspace {
  return mlpWorkspace(kernels, sac.actorShape, rows);
}

/**
 * log pi(a|s), nats, of given actions under the policy as it stands, one for each row of observations and actions (leading dimension
 * `stride` for both), into out [rows]. A density over actions in policy units, [-1, 1]^d:
 *
 *   log pi(a|s) = sum_i [ log N(u_i; mean_i, std_i) - log(1 - a_i^2) ],  u = atanh(a).
 *
 * At +-1 there is none: u is infinite, and float32 rounds tanh(u) to +-1 from |u| = 9 on. So an action nearer to a bound than `margin`,
 * on it or beyond is taken to be at 1 - margin from 0; |u| stays below log(2 / margin) / 2, and two actions that differ only inside the
 * margin have one density.
 */
export function sacLogProb(
  kernels: Kernels,
  sac: Sac,
  rows: number,
  observations: number,
  actions: number,
  stride: number,
  margin: number,
  room: MlpWorkspace,
  out: number,
): void {
  const { actionSize: d, actorShape, actor } = sac;
  const at = mlpForward(kernels, actorShape, actor, rows, observations, stride, room);
  const head = kernels.f32(at, 2 * rows * d);
  const given = kernels.f32(actions, (rows - 1) * stride + d);
  const logProb = kernels.f32(out, rows);
  const bound = 1 - margin;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < d; i++) {
      const a = Math.min(bound, Math.max(-bound, given[row * stride + i]));
      const above = portableLog(1 + a);
      const below = portableLog(1 - a);
      const logStd = Math.min(LOG_STD_HIGH, Math.max(LOG_STD_LOW, head[(2 * row + 1) * d + i]));
      const noise = (0.5 * (above - below) - head[2 * row * d + i]) * portableExp(-logStd);
      sum -= 0.5 * noise * noise + logStd + HALF_LOG_2PI + above + below;
    }
    logProb[row] = sum;
  }
}
