/** Damage to JSON text that leaves it JSON: values of other types, lost, doubled and renamed ones, huge and deep ones. */
import { nextInteger, nextUniform, type RandomStream } from "../../src/core/index.ts";
import { damageBytes, edgeText, oneOf, type Damage } from "./damage-bytes.ts";

/** Values as they are written: some are deeper than a stack, some no JSON. */
const VALUES = [
  "null",
  "true",
  "false",
  '""',
  '"x"',
  '"\\u0000\\n\\u202e\\u2028\\u001b[2J"',
  '"../../../escaped"',
  '"__proto__"',
  JSON.stringify("x".repeat(5000)),
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '{"__proto__":{"length":1}}',
  '{"length":1000000000000}',
  `[${Array(5000).fill("0").join()}]`,
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  "NaN",
];

const NAMES = ["", "__proto__", "constructor", "toString", "a\nb\u202e", "x".repeat(3000)];

/** Stands for a value that is put in as text. */
const MARK = "@value@";

type Holder = Record<string, unknown>;

/** Every place of a value: what holds it, and under which key. */
function placesIn(value: unknown, places: [Holder, string][] = []): [Holder, string][] {
  if (typeof value !== "object" || value === null) return places;
  for (const key of Object.keys(value)) {
    places.push([value as Holder, key]);
    placesIn((value as Holder)[key], places);
  }
  return places;
}

/** Values of a text that is damaged as JSON: copying what is deep takes time with the square of its depth. */
const MOST_PLACES = 10_000;

/** JSON text with one value damaged; what is no JSON, or too deep, comes back as it is. */
export function damagedJson(text: string, stream: RandomStream): string {
  try {
    return withDamagedValue({ root: JSON.parse(text) }, stream);
  } catch {
    return text;
  }
}

function withDamagedValue(root: Holder, stream: RandomStream): string {
  const places = placesIn(root);
  if (places.length > MOST_PLACES) throw new RangeError("takes too long to damage again");
  const [holder, key] = nextUniform(stream) < 0.02 ? places[0] : oneOf(places, stream);
  let written = "";
  const kind = nextInteger(stream, 12);
  if (kind < 4) [holder[key], written] = [MARK, oneOf(VALUES, stream)];
  else if (kind < 7) [holder[key], written] = [MARK, edgeText(stream) || "0"];
  else if (kind === 7 && holder !== root) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else if (kind === 8 && !Array.isArray(holder)) {
    const renamed = Object.entries(holder).map(([name, value]) => [
      name === key ? oneOf(NAMES, stream) : name,
      value,
    ]);
    const [above, place] = places.find(([some, name]) => some[name] === holder) ?? [];
    if (above && place !== undefined) above[place] = Object.fromEntries(renamed);
  } else if (kind === 9) {
    const [other, name] = oneOf(places, stream);
    holder[key] = structuredClone(other[name]);
  } else if (kind === 10 && Array.isArray(holder)) {
    for (let copies = oneOf([1, 2, 100], stream); copies > 0; copies--) holder.push(holder[Number(key)]);
  } else holder[key] = nextInteger(stream, 2) ? [holder[key]] : { value: holder[key] };
  const result = JSON.stringify(root.root) ?? "null";
  return written === "" ? result : result.replace(JSON.stringify(MARK), () => written);
}

/** A JSON file. */
export const damageJson: Damage = (bytes, stream, others) => {
  const text = new TextDecoder().decode(bytes);
  const damaged = damagedJson(text, stream);
  return damaged === text ? damageBytes(bytes, stream, others) : new TextEncoder().encode(damaged);
};

/** A file of a JSON value a line: values of one line, or whole lines lost, doubled, moved and cut. */
export const damageJsonLines: Damage = (bytes, stream) => {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const at = nextInteger(stream, Math.max(1, lines.length - 1));
  const kind = nextInteger(stream, 10);
  if (kind < 6) lines[at] = damagedJson(lines[at], stream);
  else if (kind === 6) lines.splice(at, 1);
  else if (kind === 7) lines.splice(nextInteger(stream, lines.length), 0, lines[at]);
  else if (kind === 8) lines.splice(nextInteger(stream, lines.length), 0, ...lines.splice(at, 1));
  else lines[at] = lines[at].slice(0, nextInteger(stream, lines[at].length + 1));
  return new TextEncoder().encode(lines.join("\n"));
};
