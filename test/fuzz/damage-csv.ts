/** Damage to tables in text. */
import { nextInteger } from "../../src/core/index.ts";
import { edgeText, oneOf, type Damage } from "./damage-bytes.ts";

const CELLS = ['"', '""', "true", "  ", "1e39", "observation_0", "\u202e", "x".repeat(3000), "__proto__"];

/** A cell, column or line that is changed, lost, doubled or moved. */
export const damageCsv: Damage = (bytes, stream) => {
  const text = new TextDecoder().decode(bytes);
  const separator = [",", ";", "\t"].find((each) => text.includes(each)) ?? ",";
  const rows = text.split("\n").map((line) => line.split(separator));
  const row = nextInteger(stream, nextInteger(stream, 3) === 0 ? 1 : rows.length);
  const cells = rows[row];
  const at = nextInteger(stream, cells.length);
  const kind = nextInteger(stream, 12);
  if (kind < 3) cells[at] = edgeText(stream);
  else if (kind < 5) cells[at] = oneOf(CELLS, stream);
  else if (kind === 5) cells.splice(at, 1);
  else if (kind === 6) cells.splice(at, 0, cells[at]);
  else if (kind === 7) rows.splice(row, 1);
  else if (kind === 8) rows.splice(nextInteger(stream, rows.length), 0, [...cells]);
  else if (kind === 9) rows.splice(nextInteger(stream, rows.length), 0, ...rows.splice(row, 1));
  else if (kind === 10) for (const each of rows) each.splice(at, 1);
  else {
    // Many columns, in order.
    const count = oneOf([3, 50, 3000], stream);
    rows.forEach((each, index) =>
      each.push(...Array.from({ length: count }, (_, i) => (index === 0 ? `observation_${i + 2}` : "1"))),
    );
  }
  const result = rows.map((each) => each.join(separator)).join("\n");
  return new TextEncoder().encode(result === "" ? "\n" : result);
};
