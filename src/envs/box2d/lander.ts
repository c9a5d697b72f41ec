import type { Body, BroadPhase, Fixture, FixtureProxy, World } from "planck";

import { TandemError } from "../../core/index.ts";
import { portableCos, portableSin } from "../classic-control/trigonometry.ts";

/** The physics engine, handed in so that who does not land does not load it. */
export type Planck = typeof import("planck");

/** Pixels a metre: the task was drawn before it was simulated, and its sizes are in pixels. */
const SCALE = 30;
/** Seconds a step, and the solver's iterations in it. */
export const STEP = 1 / 50;
const VELOCITY_ITERATIONS = 180;
const POSITION_ITERATIONS = 60;

/** The world's width and height, m. The lander starts in the middle of the upper edge. */
export const WIDTH = 600 / SCALE;
export const HEIGHT = 400 / SCALE;
/** Height of the pad, in the middle of the ground, m. */
export const PAD_HEIGHT = HEIGHT / 4;
/** From the middle of the lander down to the joint's anchor in a leg, m. */
export const LEG_DOWN = 18 / SCALE;
/** Heights that make up the ground; the 11 points between its edges are means of three. */
export const TERRAIN_HEIGHTS = 12;
const GROUND_POINTS = 11;

/** Outline of the lander, pixels. */
const OUTLINE = [
  [-14, 17],
  [-17, 0],
  [-17, -10],
  [17, -10],
  [17, 0],
  [14, 17],
];
const LEG_AWAY = 20 / SCALE;
/** Half width and half height of a leg, m. */
const LEG_HALF = [2 / SCALE, 8 / SCALE];
/** Largest torque of the motor that spreads the legs, N m, and its speed, rad/s. */
const LEG_TORQUE = 40;
const LEG_SPEED = 0.3;
/** Angle at which a leg starts, and the range it turns in, rad; mirrored for the other one. */
const LEG_TILT = 0.05;
const LEG_RANGE = [0.4, 0.9];

/** What collides with what: landers and legs with the ground, and not with each other. */
const GROUND = 0x0001;
const LANDER = 0x0010;
const LEG = 0x0020;

/** Impulse for each metre of an engine's offset, N s / m. */
const MAIN_POWER = 13;
const SIDE_POWER = 0.6;
const MAIN_OFFSET = 4 / SCALE;
const SIDE_OFFSET = 12 / SCALE;
/** Where the side engines push: 14 pixels up by the one coordinate, 17 by the other, as Gymnasium has it. */
const SIDE_UP = 14 / SCALE;
const SIDE_ALONG = 17 / SCALE;

/**
 * The 11 heights of the ground, m, at x = 0, 2, .. 20 m: the drawn h, five in the middle put to the pad's height, then
 * 0.33 (h[i - 1] + h[i] + h[i + 1]). The first point looks back to the last height, as an index of -1 does in Python.
 *
 * @param terrain the heights drawn, m, [TERRAIN_HEIGHTS]
 */
export function groundHeights(terrain: ArrayLike<number>): Float64Array {
  const heights = Float64Array.from(terrain);
  const middle = Math.floor(GROUND_POINTS / 2);
  heights.fill(PAD_HEIGHT, middle - 2, middle + 3);
  return Float64Array.from({ length: GROUND_POINTS }, (_, i) => {
    const before = heights[(i + TERRAIN_HEIGHTS - 1) % TERRAIN_HEIGHTS];
    return 0.33 * (before + heights[i] + heights[i + 1]);
  });
}

/** A lander with two legs over the ground, in a world of its own. */
export class Lander {
  /** Whether each leg stands, the right one first: set when a contact begins, taken back when any contact of it ends. */
  readonly legContact: [boolean, boolean] = [false, false];
  /** Whether the hull has touched the ground. */
  crashed = false;
  readonly #world: World;
  readonly #hull: Body;
  readonly #legs: Body[];

  /**
   * @param gravity m/s^2, upwards
   * @param terrain heights, m, [TERRAIN_HEIGHTS]
   * @param push force on the hull during the first step, N, [2]
   */
  constructor(planck: Planck, gravity: number, terrain: ArrayLike<number>, push: ArrayLike<number>) {
    this.#world = new planck.World({ gravity: { x: 0, y: gravity }, allowSleep: true });
    sortNewPairs(this.#world);
    layGround(planck, this.#world, terrain);
    this.#hull = makeHull(planck, this.#world);
    this.#hull.applyForceToCenter({ x: push[0], y: push[1] }, true);
    this.#legs = ([1, -1] as const).map((side) => attachLeg(planck, this.#world, this.#hull, side));
    this.#world.on("begin-contact", (contact) => this.#touch(contact.getFixtureA(), contact.getFixtureB()));
    this.#world.on("end-contact", (contact) => this.#leave(contact.getFixtureA(), contact.getFixtureB()));
  }

  /** Position of the hull's origin, m. */
  get position(): Readonly<{ x: number; y: number }> {
    return this.#hull.getPosition();
  }

  /** Velocity of the hull's centre of mass, m/s. */
  get velocity(): Readonly<{ x: number; y: number }> {
    return this.#hull.getLinearVelocity();
  }

  /** rad, counterclockwise. */
  get angle(): number {
    return this.#hull.getAngle();
  }

  /** rad/s. */
  get angularVelocity(): number {
    return this.#hull.getAngularVelocity();
  }

  /** Whether the lander has not come to rest: the engine puts to sleep what has not moved for half a second. */
  get awake(): boolean {
    return this.#hull.isAwake();
  }

  /** Force (N, along x) and torque (N m) of the wind during the next step. */
  blow(force: number, torque: number): void {
    this.#hull.applyForceToCenter({ x: force, y: 0 }, true);
    this.#hull.applyTorque(torque, true);
  }

  /**
   * An impulse of the main engine: with up = (sin th, cos th), side = (-cos th, sin th) and offset
   * o = up (4/30 m + 2 d0) + side d1, its y mirrored, the impulse is -13 o at o from the hull's origin.
   *
   * @param d0 along the engine's axis, m
   * @param d1 across it, m
   */
  fireMain(d0: number, d1: number): void {
    const sine = portableSin(this.angle);
    const cosine = portableCos(this.angle);
    const x = sine * (MAIN_OFFSET + 2 * d0) - cosine * d1;
    const y = -cosine * (MAIN_OFFSET + 2 * d0) - sine * d1;
    this.#push(x, y, MAIN_POWER, x, y);
  }

  /**
   * An impulse of a side engine: o = up d0 + side (3 d1 + 12/30 m direction), its y mirrored, and -0.6 o where
   * Gymnasium puts it.
   *
   * @param direction -1 for the left engine, 1 for the right one
   */
  fireSide(direction: -1 | 1, d0: number, d1: number): void {
    const sine = portableSin(this.angle);
    const cosine = portableCos(this.angle);
    const across = 3 * d1 + direction * SIDE_OFFSET;
    const x = sine * d0 - cosine * across;
    const y = -cosine * d0 - sine * across;
    this.#push(x, y, SIDE_POWER, x - sine * SIDE_ALONG, y + cosine * SIDE_UP);
  }

  /** 1/50 s. */
  step(): void {
    this.#world.step(STEP, VELOCITY_ITERATIONS, POSITION_ITERATIONS);
  }

  /** The impulse -power (x, y) at (atX, atY) from the hull's origin. */
  #push(x: number, y: number, power: number, atX: number, atY: number): void {
    const { position } = this;
    const point = { x: position.x + atX, y: position.y + atY };
    this.#hull.applyLinearImpulse({ x: -x * power, y: -y * power }, point, true);
  }

  #touch(a: Fixture, b: Fixture): void {
    const bodies = [a.getBody(), b.getBody()];
    if (bodies.includes(this.#hull)) this.crashed = true;
    this.#legs.forEach((leg, i) => {
      if (bodies.includes(leg)) this.legContact[i] = true;
    });
  }

  #leave(a: Fixture, b: Fixture): void {
    const bodies = [a.getBody(), b.getBody()];
    this.#legs.forEach((leg, i) => {
      if (bodies.includes(leg)) this.legContact[i] = false;
    });
  }
}

/**
 * Make contacts in the order in which Box2D makes them, that of the proxies' numbers. planck makes them as its tree finds
 * them; where a leg stands on two edges at once, the solver then ends elsewhere (0.03 in an observation). The broad phase
 * is no part of planck's public interface, hence the check.
 */
function sortNewPairs(world: World): void {
  const broadPhase = (world as World & { m_broadPhase?: BroadPhase }).m_broadPhase;
  if (!broadPhase) {
    throw new TandemError("reset", "planck 1.5 is needed for the order of contacts, got another; install it");
  }
  const findPairs = broadPhase.updatePairs.bind(broadPhase);
  broadPhase.updatePairs = (add) => {
    const pairs: [FixtureProxy, FixtureProxy][] = [];
    findPairs((a, b) => pairs.push([a, b]));
    pairs.sort(([a, b], [c, d]) => a.proxyId - c.proxyId || b.proxyId - d.proxyId);
    for (const [a, b] of pairs) add(a, b);
  };
}

/** A base line, then ten edges between the points of the ground. */
function layGround(planck: Planck, world: World, terrain: ArrayLike<number>): void {
  const ground = world.createBody({ type: "static" });
  ground.createFixture({ shape: new planck.EdgeShape({ x: 0, y: 0 }, { x: WIDTH, y: 0 }) });
  const points = Array.from(groundHeights(terrain), (y, i) => ({ x: (WIDTH / (GROUND_POINTS - 1)) * i, y }));
  for (let i = 1; i < points.length; i++) {
    ground.createFixture({ shape: new planck.EdgeShape(points[i - 1], points[i]), friction: 0.1 });
  }
}

function makeHull(planck: Planck, world: World): Body {
  const hull = world.createBody({ type: "dynamic", position: { x: WIDTH / 2, y: HEIGHT } });
  hull.createFixture({
    shape: new planck.PolygonShape(OUTLINE.map(([x, y]) => ({ x: x / SCALE, y: y / SCALE }))),
    density: 5,
    friction: 0.1,
    filterCategoryBits: LANDER,
    filterMaskBits: GROUND,
  });
  return hull;
}

/** The right leg for side 1, the left one for -1. The joint counts angles from how the bodies stand at its making, as pybox2d's do. */
function attachLeg(planck: Planck, world: World, hull: Body, side: 1 | -1): Body {
  const leg = world.createBody({
    type: "dynamic",
    position: { x: WIDTH / 2 + side * LEG_AWAY, y: HEIGHT },
    angle: -side * LEG_TILT,
  });
  leg.createFixture({
    shape: new planck.BoxShape(LEG_HALF[0], LEG_HALF[1]),
    density: 1,
    filterCategoryBits: LEG,
    filterMaskBits: GROUND,
  });
  const [near, far] = LEG_RANGE;
  const joint = new planck.RevoluteJoint({
    bodyA: hull,
    bodyB: leg,
    localAnchorA: { x: 0, y: 0 },
    localAnchorB: { x: -side * LEG_AWAY, y: LEG_DOWN },
    referenceAngle: -side * LEG_TILT,
    enableMotor: true,
    maxMotorTorque: LEG_TORQUE,
    motorSpeed: -side * LEG_SPEED,
    enableLimit: true,
    lowerAngle: side === 1 ? near : -far,
    upperAngle: side === 1 ? far : -near,
  });
  world.createJoint(joint);
  return leg;
}
