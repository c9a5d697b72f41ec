import { type RandomStream, nextNormal } from "../../core/index.ts";
import type { Environment } from "../environment.ts";
import { type GivenOptions, readOptions, requireOneOf, requirePositive } from "../options.ts";
import {
  FloatingWalker,
  type FloatingWalkerOptions,
  type Shown,
  V5_REWARD_NAMES,
  checkFloatingWalker,
  clip,
  floatingWalkerDefaults,
} from "./floating-walker.ts";
import {
  type Body,
  type Geom,
  type Joint,
  type ModelDescription,
  type Surface,
  type Vector,
  degrees,
} from "./model.ts";
import { openSimulation } from "./physics.ts";
import type { Simulation } from "./simulation.ts";

/** Changes of an ant's body, for transfer. */
export interface AntBodyOptions {
  /** Factor on the length of the shins; 1. With 2 it is the long-legged BigAnt. */
  shinScale: number;
  /**
   * Legs, those at y > 0 (front) or at y < 0 (back), with thighs and shins half as long and motors of gear 1, too weak to carry
   * the body: DisabledAnt's "back".
   */
  disabledLegs: "none" | "front" | "back";
}

/** The options of Ant. */
export interface AntOptions extends FloatingWalkerOptions, AntBodyOptions {
  /** Bounds within which contact forces (N) and torques (N m) are shown and charged; [-1, 1]. */
  contactForceRange: [number, number];
}

function defaultsOf(id: AntId): AntOptions {
  const version = id === "Ant-v4" ? 4 : 5;
  return {
    ...floatingWalkerDefaults(version),
    shinScale: 1,
    disabledLegs: "none",
    forwardRewardWeight: 1,
    controlCostWeight: 0.5,
    contactCostWeight: version === 4 ? 0 : 5e-4,
    contactForceRange: [-1, 1],
    healthyReward: 1,
    healthyZRange: [0.2, 1],
    resetNoiseScale: 0.1,
    includeCfrcExtInObservation: version === 5,
  };
}

/** v4 neither shows nor charges contact forces and pays the healthy reward in the step that ends an episode too. */
export type AntId = "Ant-v4" | "Ant-v5";

/**
 * Ant of Gymnasium 1.3.0: a torso on four legs of two motors each; it is paid for its speed along x and for each step in
 * which its torso is between 0.2 and 1 m high ({@link FloatingWalker}, x being the torso's). docs/environments/ant.md has
 * the observation, number by number. Source: https://gymnasium.farama.org/environments/mujoco/ant/.
 *
 * Differences: `contactMargins` is "larger" in v4, as when its published data were recorded (Gymnasium's v4 moves as the
 * MuJoCo it runs on); Gymnasium's `use_contact_forces` of v4 is `includeCfrcExtInObservation: true, contactCostWeight:
 * 5e-4` here, and its cost is then `reward_contact` in `info` (Gymnasium writes it over `reward_ctrl`).
 */
export async function makeAnt(id: AntId, given: GivenOptions = {}): Promise<Environment> {
  const options = readOptions(id, defaultsOf(id), given);
  checkFloatingWalker(id, options);
  return new Ant(id, options, await openSimulation(id, reshape(id, ANT, options), options));
}

/** An ant's `model` with the body that `options` describe. */
export function reshape(
  id: string,
  model: ModelDescription,
  { shinScale, disabledLegs }: AntBodyOptions,
): ModelDescription {
  requirePositive(id, "shinScale", shinScale);
  requireOneOf(id, "disabledLegs", disabledLegs, ["none", "front", "back"]);
  const grown = lengthen(model, /^shin_/, shinScale);
  if (disabledLegs === "none") return grown;
  return disableLegs(grown, disabledLegs === "front" ? [1, 2] : [3, 4]);
}

/** Of `xpos`: x of the torso, the first body after the world. */
const TORSO_X = 3;

class Ant extends FloatingWalker {
  readonly #options: AntOptions;

  constructor(id: AntId, options: AntOptions, simulation: Simulation) {
    // v4 shows the six numbers of the world, which are 0, too.
    const forces: Shown = {
      quantity: "cfrc_ext",
      first: id === "Ant-v4" ? 0 : 6,
      range: options.contactForceRange,
    };
    const shown = options.includeCfrcExtInObservation ? [forces] : [];
    super(id, options, simulation, "xpos", shown, V5_REWARD_NAMES);
    this.#options = options;
  }

  protected override locate(place: Float64Array): void {
    const { xpos } = this.simulation;
    place[0] = xpos[TORSO_X];
    place[1] = xpos[TORSO_X + 1];
  }

  protected override contactCost(): number {
    const { contactCostWeight, contactForceRange } = this.#options;
    return contactCostWeight * sumOfClippedSquares(this.simulation.cfrc_ext, contactForceRange);
  }

  protected override isHealthy(): boolean {
    const z = this.simulation.qpos[2];
    const [low, high] = this.#options.healthyZRange;
    return low <= z && z <= high;
  }

  protected override velocityNoise(stream: RandomStream): number {
    return nextNormal(stream);
  }
}

/** sum_i min(high, max(low, values_i))^2 */
export function sumOfClippedSquares(values: Float64Array, range: readonly [number, number]): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += clip(values[i], range) ** 2;
  return sum;
}

// The body. Every number below is a published fact of the task.

const SKIN: Surface = {
  collisionType: 1,
  collisionAffinity: 0,
  contactDimensions: 3,
  friction: [1, 0.5, 0.5],
  margin: 0.01,
};
/** kg/m^3 */
const DENSITY = 5;
const LEG_RADIUS = 0.08;

/** Names, the sides of x and y on which it stands, and the ankle's axis and range (degrees) of a leg. */
interface Leg {
  readonly number: 1 | 2 | 3 | 4;
  readonly name: string;
  readonly side: readonly [number, number];
  readonly ankleAxis: Vector;
  readonly ankleRange: readonly [number, number];
}

const LEGS: readonly Leg[] = [
  { number: 1, name: "front_left_leg", side: [1, 1], ankleAxis: [-1, 1, 0], ankleRange: [30, 70] },
  { number: 2, name: "front_right_leg", side: [-1, 1], ankleAxis: [1, 1, 0], ankleRange: [-70, -30] },
  { number: 3, name: "back_leg", side: [-1, -1], ankleAxis: [-1, 1, 0], ankleRange: [-70, -30] },
  { number: 4, name: "right_back_leg", side: [1, -1], ankleAxis: [1, 1, 0], ankleRange: [30, 70] },
];

function hinge(name: string, axis: Vector, [low, high]: readonly [number, number]): Joint {
  return { name, type: "hinge", axis, range: degrees(low, high), stiffness: 0, damping: 1, armature: 1 };
}

/** A body made of one capsule from its origin to `end`, and what hangs on that end. */
function segment(
  name: string,
  position: Vector,
  end: Vector,
  joints: readonly Joint[],
  children: readonly Body[],
): Body {
  const geom = {
    name: `${name}_geom`,
    surface: SKIN,
    density: DENSITY,
    shape: { type: "capsule", radius: LEG_RADIUS, from: [0, 0, 0], to: end },
  } as const;
  return { name, position, joints, geoms: [geom], children };
}

function antLeg({ number, name, side: [x, y], ankleAxis, ankleRange }: Leg): Body {
  const short: Vector = [0.2 * x, 0.2 * y, 0];
  const long: Vector = [0.4 * x, 0.4 * y, 0];
  const shin = segment(`shin_${number}`, short, long, [hinge(`ankle_${number}`, ankleAxis, ankleRange)], []);
  const thigh = segment(
    `thigh_${number}`,
    short,
    short,
    [hinge(`hip_${number}`, [0, 0, 1], [-30, 30])],
    [shin],
  );
  return segment(name, [0, 0, 0], short, [], [thigh]);
}

/** The model of Ant. */
export const ANT: ModelDescription = {
  name: "ant",
  timestep: 0.01,
  integrator: "RK4",
  gravity: [0, 0, -9.81],
  arenaBytes: 2 ** 20,
  fixed: [
    {
      name: "floor",
      surface: { ...SKIN, collisionAffinity: 1 },
      density: DENSITY,
      shape: { type: "plane", size: [40, 40, 40] },
    },
  ],
  bodies: [
    {
      name: "torso",
      position: [0, 0, 0.75],
      joints: [{ name: "root", type: "free", stiffness: 0, damping: 0, armature: 0 }],
      geoms: [
        {
          name: "torso_geom",
          surface: SKIN,
          density: DENSITY,
          shape: { type: "sphere", radius: 0.25, position: [0, 0, 0] },
        },
      ],
      children: LEGS.map(antLeg),
    },
  ],
  motors: ["hip_4", "ankle_4", "hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3"].map((joint) => ({
    joint,
    gear: 150,
    controlRange: [-1, 1],
  })),
};

/** `model` with the legs of these numbers disabled. */
function disableLegs(model: ModelDescription, numbers: readonly number[]): ModelDescription {
  const ofLegs = (parts: string): RegExp => new RegExp(`^(${parts})_(${numbers.join("|")})$`);
  const motors = model.motors.map((motor) =>
    ofLegs("hip|ankle").test(motor.joint) ? { ...motor, gear: 1 } : motor,
  );
  return { ...lengthen(model, ofLegs("thigh|shin"), 0.5), motors };
}

/** `model` with the bodies of these names `scale` times as long: their capsules, and where further bodies hang on them. */
function lengthen(model: ModelDescription, names: RegExp, scale: number): ModelDescription {
  const times = ([x, y, z]: Vector): Vector => [x * scale, y * scale, z * scale];
  const inGeom = (geom: Geom): Geom =>
    "to" in geom.shape ? { ...geom, shape: { ...geom.shape, to: times(geom.shape.to) } } : geom;
  const inBody = (body: Body): Body => {
    const children = body.children.map(inBody);
    if (!names.test(body.name ?? "")) return { ...body, children };
    return {
      ...body,
      geoms: body.geoms.map(inGeom),
      children: children.map((child) => ({ ...child, position: times(child.position) })),
    };
  };
  return { ...model, bodies: model.bodies.map(inBody) };
}
