import type { MainModule, MjData, MjModel } from "@mujoco/mujoco";

import { type ContactMargins, type ModelDescription, toMjcf } from "./model.ts";

let loading: Promise<MainModule> | undefined;

/** The one WebAssembly instance of MuJoCo in this process or worker, fetched at the first call. */
export function loadMujoco(): Promise<MainModule> {
  loading ??= import("@mujoco/mujoco").then((binding) => binding.default());
  return loading;
}

/**
 * A compiled model and its state inside MuJoCo. The arrays are views into WebAssembly memory: that memory moves when
 * any simulation of this process makes it grow, and a moved view has length 0 and says nothing. Therefore: call
 * `attach()` before the first touch after anything that may have made memory grow, and never keep a view elsewhere.
 */
export class Simulation {
  readonly model: ModelDescription;
  /** Generalised positions, [nq]; a view. */
  qpos = new Float64Array(0);
  /** Generalised velocities, [nv]; a view. */
  qvel = new Float64Array(0);
  /** Controls, one a motor, [nu]; a view. */
  ctrl = new Float64Array(0);
  /** Accelerations the constraint solver starts from, [nv]; a view. */
  warmStart = new Float64Array(0);
  /** Origins of the bodies in the world's frame, [bodies, 3], the world first; a view, as are the next. */
  xpos = new Float64Array(0);
  /** Centres of mass of the bodies, [bodies, 3]. */
  xipos = new Float64Array(0);
  /** Marked points, [sites, 3]. */
  site_xpos = new Float64Array(0);
  /** Inertia (6), mass times offset (3) and mass of each body about the subtree's centre of mass, [bodies, 10]. */
  cinert = new Float64Array(0);
  /** Rotational, then translational velocity of each body about that point, [bodies, 6]. */
  cvel = new Float64Array(0);
  /** Generalised forces of the motors, [nv]. */
  qfrc_actuator = new Float64Array(0);
  /** Generalised forces of contacts and limits, [nv]. */
  qfrc_constraint = new Float64Array(0);
  /** Torque, then force on each body from contacts, [bodies, 6]: of the last `sumContactForces`. */
  cfrc_ext = new Float64Array(0);
  /** Masses of the bodies, kg, [bodies], the world (0) first; a copy. */
  readonly masses: Float64Array;
  readonly #mujoco: MainModule;
  readonly #model: MjModel;
  readonly #data: MjData;
  #deleted = false;

  private constructor(mujoco: MainModule, model: ModelDescription, margins: ContactMargins) {
    this.model = model;
    this.#mujoco = mujoco;
    this.#model = mujoco.MjModel.from_xml_string(toMjcf(model, margins));
    this.#data = new mujoco.MjData(this.#model);
    this.masses = this.#model.body_mass.slice();
    this.attach();
  }

  /** Compile `model` and set it into its initial state. The first call in a process loads MuJoCo (some 150 ms). */
  static async create(model: ModelDescription, margins: ContactMargins = "summed"): Promise<Simulation> {
    return new Simulation(await loadMujoco(), model, margins);
  }

  /** Simulated seconds since the last `clear`. */
  get time(): number {
    return this.#data.time;
  }

  set time(seconds: number) {
    this.#data.time = seconds;
  }

  /** Take the views anew if memory has moved since they were taken. */
  attach(): void {
    if (this.qpos.length > 0) return;
    const data = this.#data;
    this.qpos = data.qpos;
    this.qvel = data.qvel;
    this.ctrl = data.ctrl;
    this.warmStart = data.qacc_warmstart;
    this.xpos = data.xpos;
    this.xipos = data.xipos;
    this.site_xpos = data.site_xpos;
    this.cinert = data.cinert;
    this.cvel = data.cvel;
    this.qfrc_actuator = data.qfrc_actuator;
    this.qfrc_constraint = data.qfrc_constraint;
    this.cfrc_ext = data.cfrc_ext;
  }

  /** Back to the initial state, with time, controls and the solver's warm start at zero (`mj_resetData`). */
  clear(): void {
    this.#mujoco.mj_resetData(this.#model, this.#data);
  }

  /** Compute everything that follows from positions, velocities and controls, without moving (`mj_forward`). */
  forward(): void {
    this.#mujoco.mj_forward(this.#model, this.#data);
  }

  /** Compute `cfrc_ext`, which steps leave as it was (`mj_rnePostConstraint`). */
  sumContactForces(): void {
    this.#mujoco.mj_rnePostConstraint(this.#model, this.#data);
  }

  /**
   * `count` steps of `model.timestep` under the present controls. False where the state diverged on the way: MuJoCo then
   * starts over from its initial state, in silence. That also zeroes the controls, which is how it shows at no cost;
   * where they were zero before, MuJoCo's counters are asked. After false the simulation is as after `clear`.
   */
  advance(count: number): boolean {
    const mujoco = this.#mujoco;
    const model = this.#model;
    const data = this.#data;
    const driven = !isZero(this.ctrl);
    for (let step = 0; step < count; step++) mujoco.mj_step(model, data);
    this.attach();
    const restarted = driven ? isZero(this.ctrl) : this.#hasRestarted();
    if (!restarted && isTame(this.qpos) && isTame(this.qvel)) return true;
    this.clear();
    return false;
  }

  /** Give the memory back. Further calls do nothing; the simulation must not be used after the first. */
  delete(): void {
    if (this.#deleted) return;
    this.#deleted = true;
    this.#data.delete();
    this.#model.delete();
  }

  /** Whether MuJoCo has started over since the last `clear`. */
  #hasRestarted(): boolean {
    const { mjWARN_BADQPOS, mjWARN_BADQVEL, mjWARN_BADQACC } = this.#mujoco.mjtWarning;
    const warnings = this.#data.warning; // not a copy: deleting it would destroy MuJoCo's own
    let count = 0;
    for (const kind of [mjWARN_BADQPOS, mjWARN_BADQVEL, mjWARN_BADQACC]) {
      const statistic = warnings.get(kind.value);
      if (!statistic) throw new Error(`MuJoCo has no warning counter ${kind.value}`);
      count += statistic.number;
      statistic.delete();
    }
    return count > 0;
  }
}

function isZero(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== 0) return false;
  }
  return true;
}

/** MuJoCo's own bound on a sane number (mjMAXVAL); false for NaN. */
const MAX_VALUE = 1e10;

function isTame(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    if (!(Math.abs(values[i]) < MAX_VALUE)) return false;
  }
  return true;
}
