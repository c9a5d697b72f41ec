/** Names of observation columns in tasks where whole blocks of them can be dead. */
import { named } from "./inspect-finding.ts";

interface Block {
  readonly name: string;
  readonly columns: number;
}

const POSE = [13, 14].map((columns, at): Block => ({ name: at === 0 ? "positions" : "velocities", columns }));
const HUMANOID_POSE = [22, 23].map((columns, at): Block => ({
  name: at === 0 ? "positions" : "velocities",
  columns,
}));
const CONTACT_FORCES = "contact forces";

/**
 * The blocks of an observation by the task's name and its size: Gymnasium's Ant (contact forces of the world's body are
 * left out since v5) and Humanoid (v5 leaves out the world's body and the motorless root).
 */
const LAYOUTS: readonly { task: RegExp; blocks: readonly Block[] }[] = [
  { task: /\bant\b/i, blocks: [...POSE, { name: CONTACT_FORCES, columns: 84 }] },
  { task: /\bant\b/i, blocks: [...POSE, { name: CONTACT_FORCES, columns: 78 }] },
  { task: /\bhumanoid(standup)?\b/i, blocks: humanoid(140, 84, 23, 84) },
  { task: /\bhumanoid(standup)?\b/i, blocks: humanoid(130, 78, 17, 78) },
];

function humanoid(inertia: number, velocity: number, motors: number, contact: number): Block[] {
  return [
    ...HUMANOID_POSE,
    { name: "inertia of the bodies", columns: inertia },
    { name: "velocity of the bodies", columns: velocity },
    { name: "forces of the motors", columns: motors },
    { name: CONTACT_FORCES, columns: contact },
  ];
}

/**
 * `columns 27-110: contact forces`, or without names where the task (null: unknown) has none here; and whether every
 * contact force is among them.
 */
export function nameColumns(
  task: string | null,
  size: number,
  columns: readonly number[],
): { text: string; deadContacts: boolean } {
  const layout = LAYOUTS.find(
    (candidate) => task !== null && candidate.task.test(task) && totalOf(candidate.blocks) === size,
  );
  if (!layout) return { text: named("column", columns), deadContacts: false };
  const parts: string[] = [];
  let first = 0;
  let deadContacts = false;
  for (const { name, columns: count } of layout.blocks) {
    const end = first + count;
    const some = columns.filter((column) => column >= first && column < end);
    if (some.length > 0) parts.push(`${named("column", some)}: ${name}`);
    if (name === CONTACT_FORCES) deadContacts = some.length === count;
    first = end;
  }
  return { text: parts.join("; "), deadContacts };
}

function totalOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { columns }) => sum + columns, 0);
}
