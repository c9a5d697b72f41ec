/** Which rule of contact margins a recording was made under, and which it says. */
import type { Environment } from "../envs/index.ts";

/** How the margins of two geoms in contact count: the larger one (MuJoCo before 3.5), or both (since). */
export type Margins = "larger" | "summed";

/** What people know the rules by. */
export const ERAS: Readonly<Record<Margins, string>> = {
  larger: "of MuJoCo before 3.5",
  summed: "of MuJoCo since 3.5",
};

/** The rule an environment moves by; null where it has no say. */
export function marginsOf({ options }: Environment): Margins | null {
  const margins = options?.contactMargins;
  return margins === "larger" || margins === "summed" ? margins : null;
}

/** The other rule. */
export function otherThan(margins: Margins): Margins {
  return margins === "larger" ? "summed" : "larger";
}

/** Metadata in which recordings say their simulator, as far as we know. */
const NAMES_OF_SIMULATORS = /^(simulator|requirements|mujoco|mujoco_?version|versions)$/i;

/** The MuJoCo version that the metadata name, with the rule it has; null where they name none. */
export function claimedMujoco(
  metadata: Readonly<Record<string, unknown>>,
): { readonly version: string; readonly margins: Margins } | null {
  for (const [name, value] of Object.entries(metadata)) {
    if (!NAMES_OF_SIMULATORS.test(name)) continue;
    const text = JSON.stringify({ [name]: value });
    const found = /mujoco[^0-9]{0,14}(?<major>\d+)\.(?<minor>\d+)(\.\d+)*/i.exec(text)?.groups;
    if (!found) continue;
    const summed = Number(found.major) > 3 || (Number(found.major) === 3 && Number(found.minor) >= 5);
    return { version: `${found.major}.${found.minor}`, margins: summed ? "summed" : "larger" };
  }
  return null;
}
