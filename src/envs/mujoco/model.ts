/**
 * A small description of articulated bodies over a floor, and its translation into MJCF, the model language of MuJoCo
 * (https://mujoco.readthedocs.io/en/stable/XMLreference.html). The numbers of a task live in tables of these types; what
 * only a renderer would read is left out. Units: metres, radians, seconds, kilograms, newtons.
 */

/** x, y, z; metres for positions, unit length for axes. */
export type Vector = readonly [number, number, number];

/** How softly a constraint (a contact, a joint limit) is held. */
export interface Compliance {
  /** Time constant in seconds and damping ratio (MJCF solref). */
  readonly reference: readonly [number, number];
  /** Least and greatest impedance in [0, 1] and the width in metres or radians between them (MJCF solimp). */
  readonly impedance: readonly [number, number, number];
}

/** A turn about `axis` by `angle` radians, or by a quaternion w, x, y, z of any length. */
export type Turn =
  | { readonly axis: Vector; readonly angle: number }
  | { readonly quaternion: readonly [number, number, number, number] };

/** The freedom between a body and its parent: along or about one axis, or (free) all six of a floating body. */
export interface Joint {
  readonly name: string;
  readonly type: "slide" | "hinge" | "free";
  /** Absent for a free joint. */
  readonly axis?: Vector;
  /** Where a hinge sits in the body's frame, metres; the origin where absent. */
  readonly position?: Vector;
  /** The coordinate that the model's drawn pose has; 0 where absent. */
  readonly reference?: number;
  /** Lowest and highest position, metres or radians; absent for an unlimited joint. */
  readonly range?: readonly [number, number];
  /** Distance from the limit, metres or radians, at which it begins to act; 0 where absent. */
  readonly margin?: number;
  /** Spring constant about position 0, N/m or N m/rad. */
  readonly stiffness: number;
  /** Viscous damping, N s/m or N m s/rad. */
  readonly damping: number;
  /** Rotor inertia added to the degree of freedom, kg or kg m^2. */
  readonly armature: number;
  /** MuJoCo's own softness where absent. */
  readonly limit?: Compliance;
}

/**
 * A plane z = `height`, a sphere, a capsule or cylinder between two points, or one along its own z axis, turned. Flat ends
 * and round ones alike: `halfLength` is that of the straight part.
 */
type Shape =
  | { readonly type: "plane"; readonly size: Vector; readonly position?: Vector }
  | { readonly type: "sphere"; readonly radius: number; readonly position: Vector }
  | {
      readonly type: "capsule" | "cylinder";
      readonly radius: number;
      readonly from: Vector;
      readonly to: Vector;
    }
  | {
      readonly type: "capsule" | "cylinder";
      readonly radius: number;
      readonly halfLength: number;
      readonly position: Vector;
      readonly turn?: Turn;
    };

/** What a surface is to a contact. Two geoms touch where the collision type of one shares a bit with the other's affinity. */
export interface Surface {
  readonly collisionType: number;
  readonly collisionAffinity: number;
  /** 1 frictionless, 3 sliding friction. */
  readonly contactDimensions: number;
  /** Sliding, torsional and rolling friction; what is left out is MuJoCo's 1, 0.005, 0.0001. */
  readonly friction?: readonly [number] | Vector;
  /** MuJoCo's own softness where absent. */
  readonly contact?: Compliance;
  /** Distance at which a contact begins to act, metres, as the models of the tasks state it: see {@link ContactMargins}. */
  readonly margin?: number;
}

/** A shape with a surface. Its mass is its volume times its density, before `totalMass` scales it. */
export interface Geom {
  readonly name?: string;
  readonly shape: Shape;
  readonly surface: Surface;
  /** kg/m^3; MuJoCo's 1000 where absent. */
  readonly density?: number;
}

/** A rigid body, the joints to its parent, and the bodies that hang on it. */
export interface Body {
  readonly name?: string;
  /** Origin in the parent's frame, metres. */
  readonly position: Vector;
  readonly turn?: Turn;
  readonly joints: readonly Joint[];
  readonly geoms: readonly Geom[];
  /** Marked points in the body's frame, metres. */
  readonly sites?: readonly Vector[];
  readonly children: readonly Body[];
}

/** A torque motor: its torque is `gear` times the control, the control being clamped into `controlRange` by MuJoCo. */
export interface Motor {
  readonly joint: string;
  /** N m (or N for a slide joint) per unit of control. */
  readonly gear: number;
  readonly controlRange: readonly [number, number];
}

/** What bodies move through. */
export interface Medium {
  /** kg/m^3 */
  readonly density: number;
  /** Pa s */
  readonly viscosity: number;
  /** Its own velocity, m/s. */
  readonly wind?: Vector;
}

/** A whole model. */
export interface ModelDescription {
  readonly name: string;
  /** Seconds of one `mj_step`. */
  readonly timestep: number;
  readonly integrator: "Euler" | "RK4";
  /** Constraint solver, where it is not MuJoCo's own, and its greatest number of iterations. */
  readonly solver?: { readonly type?: "PGS"; readonly iterations: number };
  /** Metres per second squared. */
  readonly gravity: Vector;
  /** Empty space where absent. */
  readonly medium?: Medium;
  /** Masses and inertias are scaled to this sum, kg; absent where densities say all. */
  readonly totalMass?: number;
  /** Bytes MuJoCo sets aside for contacts and solver; every open environment holds as much. */
  readonly arenaBytes: number;
  /** What does not move. */
  readonly fixed: readonly Geom[];
  readonly bodies: readonly Body[];
  /** One per coordinate of the action, in its order. */
  readonly motors: readonly Motor[];
}

/**
 * How the margins of two geoms count in their contact. Before MuJoCo 3.5 the larger one did, since then their sum does; so
 * the tasks whose geoms have margins (Hopper, Ant, Humanoid, Pusher) move otherwise than when their data were recorded.
 */
export type ContactMargins = "larger" | "summed";

type Attributes = Record<string, string | number | boolean | readonly number[] | undefined>;

/**
 * The MJCF text of `model` for MuJoCo 3.5 or later, which sums margins. "larger" is had by halving each: exact where all
 * geoms that can meet have the same margin, as in every model here.
 */
export function toMjcf(model: ModelDescription, margins: ContactMargins): string {
  const marginScale = margins === "larger" ? 0.5 : 1;
  const { density, viscosity, wind } = model.medium ?? {};
  return element("mujoco", { model: model.name }, [
    element("compiler", { angle: "radian", inertiafromgeom: true, settotalmass: model.totalMass }),
    element("option", {
      timestep: model.timestep,
      integrator: model.integrator,
      solver: model.solver?.type,
      iterations: model.solver?.iterations,
      gravity: model.gravity,
      density,
      viscosity,
      wind,
    }),
    element("size", { memory: model.arenaBytes }),
    element("worldbody", {}, [
      ...model.fixed.map((geom) => geomElement(geom, marginScale)),
      ...model.bodies.map((body) => bodyElement(body, marginScale)),
    ]),
    element("actuator", {}, model.motors.map(motorElement)),
  ]);
}

/** A range in degrees as one in radians. */
export function degrees(low: number, high: number): [number, number] {
  return [(low * Math.PI) / 180, (high * Math.PI) / 180];
}

/** `model` with each geom of its bodies (and, if `fixed` is true, of the world) put through `change`. */
export function mapGeoms(
  model: ModelDescription,
  change: (geom: Geom) => Geom,
  fixed: boolean,
): ModelDescription {
  const inBody = (body: Body): Body => ({
    ...body,
    geoms: body.geoms.map(change),
    children: body.children.map(inBody),
  });
  return { ...model, fixed: fixed ? model.fixed.map(change) : model.fixed, bodies: model.bodies.map(inBody) };
}

function bodyElement(body: Body, marginScale: number): string {
  const { name, position, turn, joints, geoms, sites = [], children } = body;
  return element("body", { name, pos: position, ...turnAttributes(turn) }, [
    ...joints.map(jointElement),
    ...geoms.map((geom) => geomElement(geom, marginScale)),
    ...sites.map((site) => element("site", { pos: site })),
    ...children.map((child) => bodyElement(child, marginScale)),
  ]);
}

function jointElement(joint: Joint): string {
  const { name, type, axis, position, reference, range, margin, stiffness, damping, armature, limit } = joint;
  return element("joint", {
    name,
    type,
    axis,
    pos: position,
    ref: reference,
    limited: range !== undefined,
    range,
    margin,
    stiffness,
    damping,
    armature,
    solreflimit: limit?.reference,
    solimplimit: limit?.impedance,
  });
}

function geomElement({ name, shape, surface, density }: Geom, marginScale: number): string {
  const { collisionType, collisionAffinity, contactDimensions, friction, contact, margin } = surface;
  return element("geom", {
    name,
    ...shapeAttributes(shape),
    density,
    contype: collisionType,
    conaffinity: collisionAffinity,
    condim: contactDimensions,
    friction,
    solref: contact?.reference,
    solimp: contact?.impedance,
    margin: margin === undefined ? undefined : margin * marginScale,
  });
}

function shapeAttributes(shape: Shape): Attributes {
  const { type } = shape;
  if (type === "plane") return { type, size: shape.size, pos: shape.position };
  if (type === "sphere") return { type, size: [shape.radius], pos: shape.position };
  if ("from" in shape) return { type, size: [shape.radius], fromto: [...shape.from, ...shape.to] };
  const { radius, halfLength, position, turn } = shape;
  return { type, size: [radius, halfLength], pos: position, ...turnAttributes(turn) };
}

function turnAttributes(turn: Turn | undefined): Attributes {
  if (!turn) return {};
  return "axis" in turn ? { axisangle: [...turn.axis, turn.angle] } : { quat: turn.quaternion };
}

function motorElement(motor: Motor): string {
  const { joint, gear, controlRange } = motor;
  return element("motor", { name: joint, joint, gear, ctrllimited: true, ctrlrange: controlRange });
}

function element(tag: string, attributes: Attributes, children: readonly string[] = []): string {
  const words = Object.entries(attributes).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [` ${name}="${Array.isArray(value) ? value.join(" ") : String(value)}"`];
  });
  const open = `<${tag}${words.join("")}`;
  return children.length === 0 ? `${open}/>` : `${open}>\n${children.join("\n")}\n</${tag}>`;
}
