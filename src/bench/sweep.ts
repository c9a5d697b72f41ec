/** A sweep: a grid or a random search over options of `tandem train`. It expands into a suite of one task, a method a point. */
import { z } from "zod";
import {
  foldIn,
  keyFromSeed,
  nextInteger,
  nextUniform,
  portableExp,
  portableLog,
  streamOf,
  TandemError,
  type Key,
} from "../core/index.ts";
import { counted, named, optionValues, parseSuite, scalar, type Options, type Suite } from "./suite.ts";

type Value = Options[string];

const ends = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high, "expected the lower end first, such as [1, 30]");

/** How one option is drawn. */
const distribution = z
  .strictObject({
    /** Uniformly between two numbers. */
    uniform: ends.optional(),
    /** Its logarithm uniformly. */
    log: ends.refine(([low]) => low > 0, "expected ends above 0").optional(),
    /** Each as probably. */
    choice: z.array(optionValues).min(1).optional(),
    /** Whether numbers are rounded to whole ones. */
    whole: z.boolean().default(false),
  })
  .refine(
    ({ uniform, log, choice }) => [uniform, log, choice].filter(Boolean).length === 1,
    'expected one of uniform, log and choice, such as { "log": [1e-4, 1e-2] }',
  )
  .refine(
    ({ whole, uniform, log }) => !whole || (uniform ?? log)?.every(Number.isInteger),
    "whole is for uniform and log between whole numbers",
  );

const sweepSchema = z.strictObject({
  name: named,
  title: z.string().optional(),
  env: z.string().min(1),
  envOptions: z.record(z.string(), scalar).default({}),
  /** A demonstration file or folder, relative to the sweep's; ${NAME} is an environment variable. */
  demos: z.string(),
  trajectories: z.array(counted).min(1),
  episodes: z.int().min(1).default(1),
  heldOut: z.array(counted).default([]),
  steps: z.int().min(1),
  seeds: z.array(counted).min(1),
  /** Options of every point. */
  base: z.record(z.string(), optionValues).default({}),
  /** Values of an option; every combination is a point. */
  grid: z.record(z.string(), z.array(optionValues).min(1)).default({}),
  random: z
    .strictObject({
      points: z.int().min(1),
      seed: counted,
      options: z.record(z.string(), distribution),
    })
    .optional(),
});

/** A sweep whose parts fit each other, with every option by its long name. */
export type Sweep = z.infer<typeof sweepSchema>;
type Distribution = z.infer<typeof distribution>;

/** Settings of one training, and what they are called. */
export interface Point {
  /** Names a folder. */
  readonly name: string;
  /** What is swept, by option; `base` left out. */
  readonly options: Options;
}

/** What the file says elsewhere, by option. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  env: '"env"',
  "env-option": '"envOptions"',
  demos: '"demos"',
  episodes: '"episodes"',
  "first-episode": '"trajectories"',
  "held-out": '"heldOut"',
  steps: '"steps"',
  seed: '"seeds"',
  out: "--out",
};
/** Points of a sweep, at most: each is at least a second of training. */
const MOST_POINTS = 10_000;
/** How points are measured, which is the same for all. */
const PROTOCOL = ["evaluate-every", "evaluation-episodes", "final-episodes", "kernels"];

/**
 * Check a sweep. `where` is what an error calls it, such as its file; `longName` gives an option's name as on the command line, and
 * throws for one that is none.
 */
export function parseSweep(
  where: string,
  value: unknown,
  longName: (where: string, name: string) => string,
): Sweep {
  const parsed = sweepSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TandemError(where, `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  }
  const { base, grid, random, ...rest } = parsed.data;
  const named = <T>(part: string, options: Record<string, T>): Record<string, T> =>
    Object.fromEntries(
      Object.entries(options).map(([name, each]) => [longName(`${where}: ${part}`, name), each]),
    );
  const sweep: Sweep = {
    ...rest,
    base: named("base", base),
    grid: named("grid", grid),
    ...(random && { random: { ...random, options: named("random", random.options) } }),
  };
  checkOptions(where, sweep);
  checkCount(where, sweep);
  return sweep;
}

/** Refuse what nobody could wait for, before any of it is made. */
function checkCount(where: string, { grid, random }: Sweep): void {
  const combinations = Object.values(grid).reduce((product, { length }) => product * length, 1);
  const draws = random?.points ?? 1;
  if (combinations * draws <= MOST_POINTS) return;
  const remedy =
    combinations > MOST_POINTS
      ? "leave values of the grid out, or draw them with random"
      : `set random.points to ${Math.floor(MOST_POINTS / combinations)} or less`;
  throw new TandemError(
    where,
    `expected at most ${MOST_POINTS} points, got ${combinations * draws} (${combinations} of the grid x ${draws} at random); ${remedy}`,
  );
}

function checkOptions(where: string, { base, grid, random }: Sweep): void {
  const drawn = random?.options ?? {};
  const parts = Object.entries({ base, grid, random: drawn });
  if (Object.keys(grid).length + Object.keys(drawn).length === 0) {
    throw new TandemError(
      where,
      'nothing is swept; add for example "grid": { "learning-rate": [1e-3, 5e-4] }',
    );
  }
  const owners = new Map<string, string>();
  for (const [part, options] of parts) {
    for (const name of Object.keys(options)) {
      const owner = owners.get(name);
      if (owner) throw new TandemError(where, `${name} is in ${owner} and in ${part}; leave one out`);
      owners.set(name, part);
      if (name in ELSEWHERE) {
        throw new TandemError(where, `${part}: ${name} is not swept; say it as ${ELSEWHERE[name]}`);
      }
      if (part !== "base" && PROTOCOL.includes(name)) {
        throw new TandemError(where, `${part}: ${name} is the same for all points; say it in base`);
      }
    }
  }
  if (!owners.has("method")) {
    throw new TandemError(where, 'expected which method to train, such as "base": { "method": "dac" }');
  }
  for (const [name, values] of [
    ...Object.entries(grid),
    ...Object.entries(drawn).map(([name, { choice = [] }]) => [name, choice] as const),
  ]) {
    const seen = new Set<string>();
    const twice = values.find((value) => seen.size === seen.add(plainText(value)).size);
    if (twice !== undefined)
      throw new TandemError(where, `${name}: ${textOf(twice)} is there twice; leave one out`);
  }
}

/** An option's value as on the command line. */
export function textOf(value: Value): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

/** The same for all spellings of a number. */
function plainText(value: Value): string {
  const text = textOf(value);
  return text === "" || Number.isNaN(Number(text)) ? text : String(Number(text));
}

/**
 * The points of a sweep: every combination of the grid, the first option outermost, under every random draw. Draws are outermost, so
 * that the points of a sweep with fewer draws come first, under the same names.
 */
export function pointsOf(where: string, { grid, random }: Sweep): Point[] {
  const combinations = combinationsOf(grid);
  const draws = random ? drawsOf(where, random) : [{}];
  const all = draws.flatMap((draw) => combinations.map((combination) => ({ ...combination, ...draw })));
  const spoken = random ? null : spokenNames(grid, all);
  return all.map((options, i) => ({ name: spoken?.[i] ?? `p${String(i + 1).padStart(3, "0")}`, options }));
}

function combinationsOf(grid: Sweep["grid"]): Options[] {
  let points: Options[] = [{}];
  for (const [name, values] of Object.entries(grid)) {
    points = points.flatMap((point) => values.map((value) => ({ ...point, [name]: value })));
  }
  return points;
}

/** Different draws, as many as are asked for. Each option's depend on its name and on the seed alone. */
function drawsOf(where: string, { points, seed, options }: NonNullable<Sweep["random"]>): Options[] {
  const [TRIES, FEW] = [1000, 100];
  const found = new Map<string, Options>();
  const keys = Object.entries(options).map(([name, each]) => [name, each, keyOf(seed, name)] as const);
  for (let i = 0; found.size < points; i++) {
    const draw = Object.fromEntries(keys.map(([name, each, key]) => [name, drawOf(each, foldIn(key, i))]));
    const text = JSON.stringify(draw);
    if (!found.has(text)) found.set(text, draw);
    if (i >= TRIES * Math.min(points, Math.max(FEW, found.size + 1))) {
      throw new TandemError(
        where,
        `random.points: expected at most ${found.size}, as many as there are different ones, got ${points}`,
      );
    }
  }
  return [...found.values()];
}

function keyOf(seed: number, name: string): Key {
  return name.split("").reduce((key, letter) => foldIn(key, letter.charCodeAt(0)), keyFromSeed(seed));
}

/** Numbers have three significant digits, so that they can be read. */
function drawOf({ uniform, log, choice, whole }: Distribution, key: Key): Value {
  const stream = streamOf(key);
  if (choice) return choice[nextInteger(stream, choice.length)];
  const [low, high] = uniform ?? log ?? [0, 1];
  const share = nextUniform(stream);
  const value = uniform
    ? low + share * (high - low)
    : low * portableExp(share * (portableLog(high) - portableLog(low)));
  const short = Number(value.toPrecision(3));
  return Math.min(high, Math.max(low, whole ? Math.round(short) : short));
}

/** `lr-1e-3_gp-10`, by the options that vary; null where that is too long, or not one name a point. */
function spokenNames(grid: Sweep["grid"], points: readonly Options[]): string[] | null {
  const LONGEST = 32;
  const varying = Object.keys(grid).filter((name) => grid[name].length > 1);
  const initials = varying.map((name) =>
    name.includes("-")
      ? name
          .split("-")
          .map(([letter]) => letter)
          .join("")
      : name,
  );
  const short = varying.map((name, i) => (isUnique(initials) ? initials[i] : name));
  const names = points.map((point) =>
    varying.map((name, i) => `${short[i]}-${spokenValue(point[name])}`).join("_"),
  );
  const fits = names.every((name) => name.length > 0 && name.length <= LONGEST);
  return fits && isUnique(names.map((name) => name.toLowerCase())) ? names : null;
}

/** 0.001 is "1e-3", "64,64" is "64x64". */
function spokenValue(value: Value): string {
  const text = textOf(value);
  if (text === "" || Number.isNaN(Number(text)))
    return text.replaceAll(",", "x").replaceAll(/[^\w.+-]/g, "-");
  const [plain, power] = [String(Number(text)), Number(text).toExponential().replace("e+", "e")];
  return power.length < plain.length ? power : plain;
}

function isUnique(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/** The suite that a sweep is run as: its points are the methods, of one family, among which a choice is reported. */
export function suiteOf(where: string, sweep: Sweep): Suite {
  const { name, title, env, envOptions, demos, trajectories, episodes, heldOut, steps, seeds } = sweep;
  const { method, ...train } = sweep.base;
  const task = { name: env.replaceAll(/[^\w.+-]+/g, "-"), env, envOptions, demos };
  return parseSuite(where, {
    name,
    title: title ?? `Sweep ${name}`,
    tasks: [{ ...task, trajectories, episodes, heldOut, steps }],
    methods: pointsOf(where, sweep).map((point) => ({
      name: point.name,
      family: name,
      options: { ...(method === undefined ? {} : { method }), ...point.options },
    })),
    seeds,
    train,
  });
}
