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

/** One degree of freedom between a body and its parent. */
export interface Joint {
  readonly name: string;
  readonly type: "slide" | "hinge";
  readonly axis: Vector;
  /** Lowest and highest position, metres or radians; absent for an unlimited joint. */
  readonly range?: readonly [number, number];
  /** Spring constant about position 0, N/m or N m/rad. */
  readonly stiffness: number;
  /** Viscous damping, N s/m or N m s/rad. */
  readonly damping: number;
  /** Rotor inertia added to the degree of freedom, kg or kg m^2. */
  readonly armature: number;
  readonly limit: Compliance;
}

/** A plane z = 0, a capsule between two points, or a capsule along its own z axis, rotated about `axis` by `angle`. */
type Shape =
  | { readonly type: "plane"; readonly size: Vector }
  | { readonly type: "capsule"; readonly radius: number; readonly from: Vector; readonly to: Vector }
  | {
      readonly type: "capsule";
      readonly radius: number;
      readonly halfLength: number;
      readonly position: Vector;
      readonly axis: Vector;
      readonly angle: number;
    };

/** What a surface is to a contact. Two geoms touch where the collision type of one shares a bit with the other's affinity. */
export interface Surface {
  readonly collisionType: number;
  readonly collisionAffinity: number;
  /** 1 frictionless, 3 sliding friction. */
  readonly contactDimensions: number;
  /** Sliding, torsional and rolling friction. */
  readonly friction: Vector;
  readonly contact: Compliance;
}

/** A shape with a surface. Its mass is its volume times MuJoCo's default density, 1000 kg/m^3, before `totalMass` scales it. */
export interface Geom {
  readonly name: string;
  readonly shape: Shape;
  readonly surface: Surface;
}

/** A rigid body, the joints to its parent, and the bodies that hang on it. */
export interface Body {
  readonly name: string;
  /** Origin in the parent's frame, metres. */
  readonly position: Vector;
  readonly joints: readonly Joint[];
  readonly geoms: readonly Geom[];
  readonly children: readonly Body[];
}

/** A torque motor: its torque is `gear` times the control, the control being clamped into `controlRange` by MuJoCo. */
export interface Motor {
  readonly joint: string;
  /** N m (or N for a slide joint) per unit of control. */
  readonly gear: number;
  readonly controlRange: readonly [number, number];
}

/** A whole model. */
export interface ModelDescription {
  readonly name: string;
  /** Seconds of one `mj_step`. */
  readonly timestep: number;
  /** Metres per second squared. */
  readonly gravity: Vector;
  /** Masses and inertias are scaled to this sum, kg. */
  readonly totalMass: number;
  /** Bytes MuJoCo sets aside for contacts and solver; every open environment holds as much. */
  readonly arenaBytes: number;
  readonly floor: Geom;
  readonly root: Body;
  /** One per coordinate of the action, in its order. */
  readonly motors: readonly Motor[];
}

type Attributes = Record<string, string | number | boolean | readonly number[] | undefined>;

/** The MJCF text of `model`. */
export function toMjcf(model: ModelDescription): string {
  return element("mujoco", { model: model.name }, [
    element("compiler", { angle: "radian", inertiafromgeom: true, settotalmass: model.totalMass }),
    element("option", { timestep: model.timestep, gravity: model.gravity }),
    element("size", { memory: model.arenaBytes }),
    element("worldbody", {}, [geomElement(model.floor), bodyElement(model.root)]),
    element("actuator", {}, model.motors.map(motorElement)),
  ]);
}

function bodyElement(body: Body): string {
  const { name, position, joints, geoms, children } = body;
  return element("body", { name, pos: position }, [
    ...joints.map(jointElement),
    ...geoms.map(geomElement),
    ...children.map(bodyElement),
  ]);
}

function jointElement(joint: Joint): string {
  const { name, type, axis, range, stiffness, damping, armature, limit } = joint;
  return element("joint", {
    name,
    type,
    axis,
    limited: range !== undefined,
    range,
    stiffness,
    damping,
    armature,
    solreflimit: limit.reference,
    solimplimit: limit.impedance,
  });
}

function geomElement(geom: Geom): string {
  const { collisionType, collisionAffinity, contactDimensions, friction, contact } = geom.surface;
  return element("geom", {
    name: geom.name,
    ...shapeAttributes(geom.shape),
    contype: collisionType,
    conaffinity: collisionAffinity,
    condim: contactDimensions,
    friction,
    solref: contact.reference,
    solimp: contact.impedance,
  });
}

function shapeAttributes(shape: Shape): Attributes {
  if (shape.type === "plane") return { type: shape.type, size: shape.size };
  if ("from" in shape)
    return { type: shape.type, size: [shape.radius], fromto: [...shape.from, ...shape.to] };
  const { type, radius, halfLength, position, axis, angle } = shape;
  return { type, size: [radius, halfLength], pos: position, axisangle: [...axis, angle] };
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
