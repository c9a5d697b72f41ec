/** Pearson's correlation of x and y, in [-1, 1]; null where either is constant or not finite. */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  const n = x.length;
  // Means of the distances from the first value, so that a constant's deviations are exactly 0.
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < n; i++) {
    meanX += (x[i] - x[0]) / n;
    meanY += (y[i] - y[0]) / n;
  }
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < n; i++) {
    const dx = x[i] - x[0] - meanX;
    const dy = y[i] - y[0] - meanY;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const correlation = xy / Math.sqrt(xx * yy);
  return Number.isFinite(correlation) ? correlation : null;
}

/** Spearman's rank correlation, ties sharing their mean rank; null where either is constant or has a NaN. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  if (Array.from(x).some(Number.isNaN) || Array.from(y).some(Number.isNaN)) return null;
  return pearson(ranks(x), ranks(y));
}

/** Rank of each value from 1, ties sharing their mean rank, [n]. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort(
    (a, b) => values[a] - values[b],
  );
  const result = new Float64Array(values.length);
  for (let first = 0; first < order.length;) {
    let end = first + 1;
    while (end < order.length && values[order[end]] === values[order[first]]) end++;
    for (let i = first; i < end; i++) result[order[i]] = (first + end + 1) / 2;
    first = end;
  }
  return result;
}
