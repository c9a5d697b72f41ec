/** The elementwise parts of soft actor-critic: batches are a few hundred, so these are plain loops. */

export function softTarget(batch: usize, reward: usize, terminated: usize, q1: usize, q2: usize, logProb: usize, temperature: f32, discount: f32, y: usize): void {
  for (const end = reward + 4 * batch; reward < end; reward += 4) {
    const value = smaller(load<f32>(q1), load<f32>(q2)) - temperature * load<f32>(logProb);
    store<f32>(y, load<f32>(reward) + discount * (1 - load<f32>(terminated)) * value);
    terminated += 4;
    q1 += 4;
    q2 += 4;
    logProb += 4;
    y += 4;
  }
}

export function squaredErrorGradient(batch: usize, q: usize, y: usize, dQ: usize): f64 {
  const rate: f32 = 1 / <f32>batch;
  let squares: f64 = 0;
  for (const end = q + 4 * batch; q < end; q += 4, y += 4, dQ += 4) {
    const error = load<f32>(q) - load<f32>(y);
    squares += <f64>error * <f64>error;
    store<f32>(dQ, rate * error);
  }
  return squares / <f64>batch;
}

export function minimumGradient(batch: usize, q1: usize, q2: usize, dQ1: usize, dQ2: usize): f64 {
  const rate: f32 = -1 / <f32>batch;
  let total: f64 = 0;
  for (const end = q1 + 4 * batch; q1 < end; q1 += 4, q2 += 4, dQ1 += 4, dQ2 += 4) {
    const first = load<f32>(q1) <= load<f32>(q2);
    total += smaller(load<f32>(q1), load<f32>(q2));
    store<f32>(dQ1, first ? rate : 0);
    store<f32>(dQ2, first ? 0 : rate);
  }
  return total / <f64>batch;
}

/** min(a, b), NaN where either is. */
@inline
function smaller(a: f32, b: f32): f32 {
  return min<f32>(a, b);
}
