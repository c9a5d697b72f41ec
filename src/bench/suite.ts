/** A suite: which methods learn which tasks from which demonstrations with which seeds, and under which protocol. */
import { z } from "zod";
import { TandemError } from "../core/index.ts";

/** What names a folder. */
export const named = z
  .string()
  .regex(/^[A-Za-z0-9][\w.+-]*$/, "expected letters, digits and . _ + - (it names a folder)");
/** Counted from 0. */
export const counted = z.int().min(0);
/** What an option of an environment may be. */
export const scalar = z.union([z.string(), z.number(), z.boolean()]);
/** What an option of `tandem train` may be; a list is written with commas there. */
export const optionValues = z.union([scalar, z.array(z.union([z.string(), z.number()]))]);
const options = z.record(z.string(), optionValues);

const suiteSchema = z.strictObject({
  name: named,
  title: z.string().optional(),
  tasks: z
    .array(
      z.strictObject({
        name: named,
        env: z.string(),
        envOptions: z.record(z.string(), scalar).default({}),
        /** A demonstration file or folder, relative to the suite's; ${NAME} is an environment variable. */
        demos: z.string(),
        /** First episode of each demonstration set, counted from 0. */
        trajectories: z.array(counted).min(1),
        /** Episodes in each set. */
        episodes: z.int().min(1).default(1),
        steps: z.int().min(1),
        /** Episodes that no set may hold. */
        heldOut: z.array(counted).default([]),
        options: options.default({}),
      }),
    )
    .min(1),
  methods: z
    .array(
      z.strictObject({
        name: named,
        family: named.optional(),
        /** In the place of the task's steps, of a method that takes none in the environment. */
        updates: z.int().min(1).optional(),
        options,
        perTask: z.record(z.string(), options).default({}),
        /** The tasks that it applies to, by name; all where it is left out. */
        tasks: z.array(z.string()).min(1).optional(),
      }),
    )
    .min(1),
  seeds: z.array(counted).min(1),
  train: options.default({}),
  /** Negative controls beside the methods: true for one seed on the first set of each task. */
  audit: z.preprocess(
    (value) => (typeof value === "boolean" ? (value ? {} : undefined) : value),
    z
      .strictObject({
        seeds: z.array(counted).min(1).optional(),
        /** First episodes, of the tasks' own; a task has to have one of them. */
        trajectories: z.array(counted).min(1).optional(),
        /** At most; where a task has fewer, its own. */
        steps: z.int().min(1).optional(),
      })
      .optional(),
  ),
});

/** Begins the folder of every control. */
export const AUDIT_PREFIX = "audit-";

/** A suite whose parts fit each other. */
export type Suite = z.infer<typeof suiteSchema>;
/** A suite as it is written: with the parts that may be left out left out. */
export type WrittenSuite = z.input<typeof suiteSchema>;
/** One task of a suite, with its demonstrations. */
export type Task = Suite["tasks"][number];
/** One method of a suite: a name and options of `tandem train`. */
export type Method = Suite["methods"][number];
/** Options of `tandem train` by name. */
export type Options = Method["options"];

/** The methods that apply to a task. */
export function methodsOn({ methods }: Pick<Suite, "methods">, { name }: Pick<Task, "name">): Method[] {
  return methods.filter(({ tasks }) => tasks?.includes(name) ?? true);
}

/** Check a suite. `where` is what an error calls it, such as its file. */
export function parseSuite(where: string, value: unknown): Suite {
  const parsed = suiteSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TandemError(where, `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  }
  const suite = parsed.data;
  for (const [what, values] of [
    ["task", suite.tasks.map(({ name }) => name)],
    ["method", suite.methods.map(({ name }) => name)],
    ["seed", suite.seeds],
    ...suite.tasks.map((task) => [`trajectory of ${task.name}`, task.trajectories] as const),
  ] as const) {
    const seen = new Set<string>();
    const twice = values.find((each) => seen.size === seen.add(folded(each)).size);
    if (twice !== undefined) throw new TandemError(where, `${what} ${twice} is there twice; leave one out`);
  }
  for (const task of suite.tasks) checkEpisodes(where, task);
  for (const method of suite.methods) checkMethod(where, method, suite);
  if (suite.audit) checkAudit(where, suite, suite.audit);
  return suite;
}

/** Folders differ in more than the case of letters. */
const folded = (value: string | number): string => String(value).toLowerCase();

/** Sets share no episode with each other, so that they are trajectories of their own, nor with what is held out. */
function checkEpisodes(where: string, { name, trajectories, episodes, heldOut }: Task): void {
  for (const [index, first] of trajectories.entries()) {
    const earlier = trajectories.slice(0, index);
    const owner = earlier.find((other) => Math.abs(other - first) < episodes);
    if (owner !== undefined) {
      throw new TandemError(
        where,
        `task ${name}: the sets from ${owner} and from ${first} both hold episode ${Math.max(owner, first)}; leave ${episodes} between first episodes`,
      );
    }
    const held = heldOut.find((episode) => episode >= first && episode < first + episodes);
    if (held === undefined) continue;
    throw new TandemError(
      where,
      `task ${name}: episode ${held} is held out, and learnt from in the set from ${first}; choose one`,
    );
  }
}

function checkAudit(
  where: string,
  { tasks, methods }: Suite,
  { seeds = [], trajectories }: NonNullable<Suite["audit"]>,
): void {
  const twice =
    seeds.find((seed, i) => seeds.indexOf(seed) !== i) ??
    trajectories?.find((first, i) => trajectories.indexOf(first) !== i);
  if (twice !== undefined) throw new TandemError(where, `audit: ${twice} is there twice; leave one out`);
  const taken = methods.find(({ name }) => name.toLowerCase().startsWith(AUDIT_PREFIX));
  if (taken) {
    throw new TandemError(
      where,
      `method ${taken.name}: ${AUDIT_PREFIX} begins the audit's folders; choose another name`,
    );
  }
  for (const task of trajectories ? tasks : []) {
    if (task.trajectories.some((first) => trajectories?.includes(first))) continue;
    throw new TandemError(
      where,
      `audit: none of its trajectories is one of task ${task.name}, which has ${task.trajectories.join(", ")}`,
    );
  }
  const stray = trajectories?.find((first) => !tasks.some((task) => task.trajectories.includes(first)));
  if (stray === undefined) return;
  throw new TandemError(where, `audit: no task has a trajectory ${stray}; leave it out`);
}

function checkMethod(where: string, method: Method, { tasks }: Suite): void {
  const { name, options, perTask } = method;
  if (!("method" in options)) {
    throw new TandemError(
      where,
      `method ${name}: expected the option method among its options, such as "method": "dac"`,
    );
  }
  for (const [part, names] of [
    ["perTask", Object.keys(perTask)],
    ["tasks", method.tasks ?? []],
  ] as const) {
    const stranger = names.find((each) => !tasks.some((task) => task.name === each));
    if (stranger === undefined) continue;
    throw new TandemError(
      where,
      `method ${name}: ${part} names ${stranger}, the tasks are ${tasks.map((task) => task.name).join(", ")}`,
    );
  }
}
