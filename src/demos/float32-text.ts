/** Below this magnitude float32 loses digits. */
const LEAST_NORMAL = 2 ** -126;

/** The shortest decimal that is `value` again when it is read and rounded to float32; -0 keeps its sign. */
export function float32Text(value: number): string {
  if (Object.is(value, -0)) return "-0";
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 24) return String(value);
  // Six digits survive float32, so what has fewer shows in them; nine tell all values apart.
  for (let digits = Math.abs(value) < LEAST_NORMAL ? 1 : 6; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return String(decimal);
  }
  return String(Number(value.toPrecision(9)));
}

/** The rows of a table from `from` to `to` as such decimals. */
export function float32Texts(data: Float32Array, from: number, to: number): string[] {
  return Array.from(data.subarray(from, to), float32Text);
}
