/**
 * sin, cos and atan2 of doubles from `+ - * /` alone: the same bits in every engine, which those of Math do not promise.
 * x = n pi/2 + r, |r| <= pi/4, with r as a sum of two doubles; then the Taylor series, whose rest is below 2^-60.
 */

/** pi/2 in three parts. The first two have 33 bits, so that their products with |n| < 2^20 are exact. */
const FIRST = 1.5707963267341256;
const SECOND = 6.077100506303966e-11;
const THIRD = 2.0222662487959506e-21;

/** Largest |x| in rad: beyond it the parts of pi/2 are too short, and the result is NaN. */
const FARTHEST = 2 ** 20;

/** Where n = 0 and nothing is to be reduced. */
const NEAR = 0.785;

/** sin(x), x in rad, |x| <= 2^20; within 1 ulp. */
export function portableSin(x: number): number {
  return Math.abs(x) < NEAR ? sinReduced(x, 0) : sinOfQuarter(x, 0);
}

/** cos(x), x in rad, |x| <= 2^20; within 1 ulp. */
export function portableCos(x: number): number {
  return Math.abs(x) < NEAR ? cosReduced(x, 0) : sinOfQuarter(x, 1);
}

/** sin(x + quarters pi/2). */
function sinOfQuarter(x: number, quarters: number): number {
  if (!(Math.abs(x) <= FARTHEST)) return NaN;
  const n = Math.floor(x * (2 / Math.PI) + 0.5);
  const exact = x - n * FIRST;
  const product = n * SECOND;
  const near = exact - product;
  // What the subtraction lost, by Knuth's two-sum.
  const moved = near - exact;
  const lost = exact - (near - moved) - (product + moved);
  const small = lost - n * THIRD;
  const r = near + small;
  const rest = small - (r - near);
  const quadrant = (n + quarters) & 3;
  const value = quadrant & 1 ? cosReduced(r, rest) : sinReduced(r, rest);
  return quadrant & 2 ? -value : value;
}

/** sin(r + rest), |r| <= pi/4, rest below an ulp of r. */
function sinReduced(r: number, rest: number): number {
  const z = r * r;
  const last = -1 / 1307674368000 + z * (1 / 355687428096000);
  const high = 1 / 362880 + z * (-1 / 39916800 + z * (1 / 6227020800 + z * last));
  const series = -1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * high));
  return r + (r * z * series + rest * (1 - z / 2));
}

/** cos(r + rest), |r| <= pi/4, rest below an ulp of r. */
function cosReduced(r: number, rest: number): number {
  const z = r * r;
  const high = -1 / 3628800 + z * (1 / 479001600 + z * (-1 / 87178291200 + z * (1 / 20922789888000)));
  const series = 1 / 24 + z * (-1 / 720 + z * (1 / 40320 + z * high));
  const half = z / 2;
  const large = 1 - half;
  return large + (1 - large - half + (z * z * series - r * rest));
}

/** atan(i / 8), i = 0 .. 8 */
const ARC_TANGENTS = [
  0.0, 0.12435499454676144, 0.24497866312686414, 0.35877067027057225, 0.4636476090008061, 0.5585993153435624,
  0.6435011087932844, 0.7188299996216245, 0.7853981633974483,
];

/** The angle of (x, y) in rad, in [-pi, pi]; within 2 ulp. x and y finite. */
export function portableAtan2(y: number, x: number): number {
  const [height, width] = [Math.abs(y), Math.abs(x)];
  if (height === 0 && width === 0) return x < 0 || Object.is(x, -0) ? signed(Math.PI, y) : y;
  const octant = height <= width ? arcTangent(height / width) : Math.PI / 2 - arcTangent(width / height);
  return signed(x < 0 ? Math.PI - octant : octant, y);
}

function signed(angle: number, y: number): number {
  return y < 0 || Object.is(y, -0) ? -angle : angle;
}

/** atan(t), 0 <= t <= 1: that of the nearest eighth, and of what is left by its Taylor series, whose rest is below 2^-68. */
function arcTangent(t: number): number {
  const nearest = Math.floor(8 * t + 0.5);
  const c = nearest / 8;
  const r = (t - c) / (1 + t * c);
  const z = r * r;
  const high = 1 / 9 + z * (-1 / 11 + z * (1 / 13 - z / 15));
  return ARC_TANGENTS[nearest] + (r + r * z * (-1 / 3 + z * (1 / 5 + z * (-1 / 7 + z * high))));
}
