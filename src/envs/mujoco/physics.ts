import { requireNonNegative, requireOneOf, requirePositive } from "../options.ts";
import { type ContactMargins, type ModelDescription, type Vector, mapGeoms } from "./model.ts";
import { Simulation } from "./simulation.ts";

/** What every MuJoCo task lets one change about its world: for transfer, and to meet data recorded in another one. */
export interface PhysicsOptions {
  /** How the margins of two geoms count: "larger" as before MuJoCo 3.5, "summed" since. */
  contactMargins: ContactMargins;
  /** Factor on gravity; 1. Mars has 0.38. */
  gravityScale: number;
  /** Factor on every mass; 1. */
  massScale: number;
  /** Factor on the friction of every surface; 1. At 0 there is MuJoCo's least, 1e-5. */
  frictionScale: number;
  /** Wind along x, m/s, through air of 1.2 kg/m^3 (or through the task's own medium); 0 is no wind, and no air. */
  wind: number;
}

/** The task's own world, with today's margins. */
export const PHYSICS: PhysicsOptions = {
  contactMargins: "summed",
  gravityScale: 1,
  massScale: 1,
  frictionScale: 1,
  wind: 0,
};

/** MuJoCo's own friction, where a model names none. */
const DEFAULT_FRICTION = [1, 0.005, 0.0001] as const;
const AIR = { density: 1.2, viscosity: 1.8e-5 };

/** A simulation of `model` in the world that `options` describe. */
export function openSimulation(
  id: string,
  model: ModelDescription,
  options: PhysicsOptions,
): Promise<Simulation> {
  requireOneOf(id, "contactMargins", options.contactMargins, ["larger", "summed"]);
  requirePositive(id, "massScale", options.massScale);
  requireNonNegative(id, "frictionScale", options.frictionScale);
  return Simulation.create(inWorld(model, options), options.contactMargins);
}

/** `model` with the masses, frictions, gravity and wind of `options`; itself where they change nothing. */
function inWorld(model: ModelDescription, options: PhysicsOptions): ModelDescription {
  const { gravityScale, massScale, frictionScale, wind } = options;
  let world = model;
  if (gravityScale !== 1) {
    const [x, y, z] = world.gravity;
    world = { ...world, gravity: [x * gravityScale, y * gravityScale, z * gravityScale] };
  }
  if (massScale !== 1) {
    const { totalMass } = world;
    world = mapGeoms(world, (geom) => ({ ...geom, density: massScale * (geom.density ?? 1000) }), false);
    if (totalMass !== undefined) world = { ...world, totalMass: massScale * totalMass };
  }
  if (frictionScale !== 1) {
    world = mapGeoms(
      world,
      (geom) => {
        const [sliding, torsional, rolling] = Object.assign([...DEFAULT_FRICTION], geom.surface.friction);
        const friction: Vector = [
          sliding * frictionScale,
          torsional * frictionScale,
          rolling * frictionScale,
        ];
        return { ...geom, surface: { ...geom.surface, friction } };
      },
      true,
    );
  }
  if (wind !== 0) world = { ...world, medium: { ...(world.medium ?? AIR), wind: [wind, 0, 0] } };
  return world;
}
