"""Write test/envs/ant.golden.json and humanoid.golden.json: short rollouts of Gymnasium's Ant and Humanoid.

    python3 scripts/ant-humanoid-golden.py

needs gymnasium 1.3.0 and mujoco 3.14.0. What Gymnasium does not have is made from what it has: other worlds by changing the
compiled model, and CustomAnt and DisabledAnt by editing its ant.xml as https://github.com/justinjfu/inverse_rl
(inverse_rl/envs/ant_env.py) describes them, with their reward written out here.
"""

import json
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import gymnasium
import mujoco
import numpy

REPOSITORY = Path(__file__).resolve().parent.parent
ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"

# Gymnasium's names of our options.
NAMES = {
    "frameSkip": "frame_skip",
    "forwardRewardWeight": "forward_reward_weight",
    "controlCostWeight": "ctrl_cost_weight",
    "contactCostWeight": "contact_cost_weight",
    "contactForceRange": "contact_force_range",
    "maxContactCost": "contact_cost_range",
    "healthyReward": "healthy_reward",
    "terminateWhenUnhealthy": "terminate_when_unhealthy",
    "healthyZRange": "healthy_z_range",
    "resetNoiseScale": "reset_noise_scale",
    "excludeCurrentPositionsFromObservation": "exclude_current_positions_from_observation",
    "includeCinertInObservation": "include_cinert_in_observation",
    "includeCvelInObservation": "include_cvel_in_observation",
    "includeQfrcActuatorInObservation": "include_qfrc_actuator_in_observation",
    "includeCfrcExtInObservation": "include_cfrc_ext_in_observation",
    "maxEpisodeSteps": "max_episode_steps",
}
WORLD = {"gravityScale": 0.38, "massScale": 1.5, "frictionScale": 0.4, "wind": -8}


def change_world(simulator, options):
    """What our options of the world do, done to a compiled model; and the margins of before MuJoCo 3.5."""
    model, data = simulator.model, simulator.data
    margins = options.get("contactMargins", "larger" if simulator.spec.id.endswith(("v4", "v0")) else "summed")
    if margins == "larger":
        model.geom_margin[:] *= 0.5
    model.opt.gravity[:] *= options.get("gravityScale", 1)
    model.geom_friction[:] *= options.get("frictionScale", 1)
    if "wind" in options:
        model.opt.density, model.opt.viscosity, model.opt.wind[0] = 1.2, 1.8e-5, options["wind"]
    if "massScale" in options:
        model.body_mass[:] *= options["massScale"]
        model.body_inertia[:] *= options["massScale"]
        qpos, qvel = data.qpos.copy(), data.qvel.copy()
        mujoco.mj_setConst(model, data)
        data.qpos[:], data.qvel[:] = qpos, qvel


def edited_ant(options, custom, disabled):
    """The path of Gymnasium's ant.xml with the body that our options describe."""
    tree = ElementTree.parse(ASSETS / "ant.xml")
    root = tree.getroot()
    floats = lambda words: [float(word) for word in words.split()]
    words = lambda numbers: " ".join(repr(float(number)) for number in numbers)
    gear = {}
    for leg in root.find(".//body[@name='torso']").findall("body"):
        thigh = leg.find("body")
        shin = thigh.find("body")
        number = thigh.find("joint").get("name")[-1]
        lame = number in disabled
        for part, scale in ((thigh, 1), (shin, options.get("shinScale", 1))):
            geom = part.find("geom")
            geom.set("fromto", words(numpy.array(floats(geom.get("fromto"))) * scale * (0.5 if lame else 1)))
        if lame:
            shin.set("pos", words(numpy.array(floats(shin.get("pos"))) * 0.5))
            gear[f"hip_{number}"] = gear[f"ankle_{number}"] = "1"
    actuator = root.find("actuator")
    for motor in actuator:
        motor.set("gear", gear.get(motor.get("joint"), str(options.get("gear", 30)) if custom else "150"))
    if custom:
        root.find("default/geom").set("friction", "1.5 0.5 0.5")
        torso = root.find(".//body[@name='torso']")
        for x in (0.07, -0.07):
            for radius, reach in ((0.03, -0.21), (0.02, -0.23)):
                fromto = words([x, 0, 0.1, x, reach, 0.1])
                ElementTree.SubElement(torso, "geom", type="capsule", size=str(radius), fromto=fromto)
        for side in (1, -1):
            fromto = words([side * 0.04, -0.21, 0.17, side * 0.1, -0.21, 0.2])
            ElementTree.SubElement(torso, "geom", type="capsule", size="0.02", fromto=fromto)
    if custom == "DisabledAnt-v0":
        actuator[:] = sorted(actuator, key=lambda motor: motor.get("joint")[-1])
    path = Path(tempfile.mkdtemp()) / "ant.xml"
    tree.write(path)
    return str(path)


class CustomAnt:
    """Reward and observation of CustomAnt around a Gymnasium Ant that has its model."""

    def __init__(self, env):
        self.unwrapped = env.unwrapped

    def step(self, action):
        ant = self.unwrapped
        forward = ant.data.qvel[0]
        ant.do_simulation(action, ant.frame_skip)
        forces = numpy.clip(ant.data.cfrc_ext, -1, 1)
        info = {
            "reward_forward": forward,
            "reward_ctrl": -0.01 * numpy.square(action).sum(),
            "reward_contact": -0.5e-3 * numpy.square(forces).sum(),
            "reward_flipped": -1.0 if not ant.data.qpos[2] >= 0.2 else 0.0,
        }
        observation = numpy.concatenate([ant.data.qpos[2:], ant.data.qvel, forces.flat])
        return observation, sum(info.values()), False, False, info


def make(id, options):
    custom = id if id.endswith("v0") else None
    names = {NAMES[name]: value for name, value in options.items() if name in NAMES}
    if "maxContactCost" in options:
        names["contact_cost_range"] = (-numpy.inf, options["maxContactCost"])
    if id == "Ant-v4" and "includeCfrcExtInObservation" in options:
        names["use_contact_forces"] = names.pop("include_cfrc_ext_in_observation")
    disabled = {"front": "12", "back": "34", "none": ""}[
        options.get("disabledLegs", "back" if id == "DisabledAnt-v0" else "none")
    ]
    if custom or disabled or "shinScale" in options:
        names["xml_file"] = edited_ant(options, custom, disabled)
    env = gymnasium.make("Ant-v5" if custom else id, **names)
    env.unwrapped.spec.id = id
    change_world(env.unwrapped, options)
    return CustomAnt(env) if custom else env, env


def rollout(id, options, seed, steps, start=None, rise=None, bend=None):
    """A case: random actions, a fourth of them out of bounds, after Gymnasium's reset; height, speed and joints as given."""
    env, resettable = make(id, options)
    _, reset_info = resettable.reset(seed=seed)
    simulator = env.unwrapped
    data = simulator.data
    qpos, qvel = data.qpos.copy(), data.qvel.copy()
    if start is not None:
        qpos[2], qvel[2] = start, rise
    if bend is not None:
        qpos[7:] = bend
    simulator.set_state(qpos, qvel)
    bound = float(simulator.action_space.high[0])
    actions = numpy.random.default_rng(seed).uniform(-4 / 3 * bound, 4 / 3 * bound, (steps, simulator.model.nu)).round(4)
    initial = {name: getattr(data, name).tolist() for name in ("qpos", "qvel", "qacc_warmstart")}
    case = {"id": id, "options": options, "seed": seed, "start": initial, "actions": actions.tolist()}
    names = ("qpos", "qvel", "reward", "terminated", "truncated", "info")
    result = {"resetInfo": [] if id.endswith("v0") else names_of(reset_info), **{name: [] for name in names}}
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        if id == "Ant-v4" and options.get("includeCfrcExtInObservation"):
            # Gymnasium writes the contact cost over the control cost.
            info["reward_contact"] = info["reward_ctrl"]
            info["reward_ctrl"] = -simulator.control_cost(action)
        values = (data.qpos.tolist(), data.qvel.tolist(), float(reward), bool(terminated), bool(truncated))
        for name, value in zip(names, (*values, {name: float(info[name]) for name in names_of(info)}), strict=True):
            result[name].append(value)
    case["rollout"] = {**result, "observation": observation.tolist()}
    resettable.close()
    return case


def names_of(info):
    """All but the two arrays in the info of Humanoid-v5."""
    return sorted(name for name in info if not name.startswith("tendon_"))


REWARD = {"forwardRewardWeight": 1.5, "controlCostWeight": 0.3, "healthyReward": 2.5}
OTHER = {
    "frameSkip": 3,
    "contactCostWeight": 2e-3,
    "resetNoiseScale": 0.05,
    "excludeCurrentPositionsFromObservation": False,
    "maxEpisodeSteps": 3,
}
HALF_SHOWN = {"includeCvelInObservation": False, "includeCfrcExtInObservation": False}
OTHER_HALF = {"includeCinertInObservation": False, "includeQfrcActuatorInObservation": False}

CASES = {
    "ant": [
        rollout("Ant-v5", {}, 1, 20),
        rollout("Ant-v5", {**REWARD, **OTHER, "contactForceRange": [-0.3, 0.6]}, 2, 4, start=0.3, rise=-3),
        rollout("Ant-v5", {"includeCfrcExtInObservation": False}, 3, 10),
        rollout("Ant-v5", {}, 4, 2, start=0.98, rise=2),
        rollout("Ant-v5", {"terminateWhenUnhealthy": False}, 4, 2, start=0.98, rise=2),
        rollout("Ant-v5", WORLD, 5, 12),
        rollout("Ant-v5", {"shinScale": 2, "healthyZRange": [0.2, 1.5]}, 6, 8),
        rollout("Ant-v5", {"disabledLegs": "front"}, 7, 8),
        rollout("Ant-v4", {}, 8, 12),
        rollout("Ant-v4", {"contactMargins": "summed"}, 8, 12),
        rollout("Ant-v4", {"includeCfrcExtInObservation": True, "contactCostWeight": 5e-4}, 9, 8),
        rollout("Ant-v4", {}, 4, 2, start=0.98, rise=2),
        rollout("CustomAnt-v0", {}, 10, 12),
        rollout("CustomAnt-v0", {"gear": 60}, 11, 3, start=0.25, rise=-3),
        rollout("DisabledAnt-v0", {}, 12, 12),
        # all joints beyond their lower, then their upper limits
        *(rollout("Ant-v5", {}, 13, 2, start=3, rise=0, bend=bend) for bend in (-1.3, 1.3)),
    ],
    "humanoid": [
        rollout("Humanoid-v5", {}, 1, 12),
        rollout("Humanoid-v5", {**REWARD, **OTHER, **HALF_SHOWN}, 2, 4, start=1.33, rise=-3),
        rollout("Humanoid-v5", {**OTHER_HALF, "maxContactCost": 0.003}, 3, 6, start=1.35, rise=-3),
        rollout("Humanoid-v5", {}, 4, 2, start=1.99, rise=3),
        rollout("Humanoid-v5", {"terminateWhenUnhealthy": False}, 4, 2, start=1.99, rise=3),
        rollout("Humanoid-v5", WORLD, 5, 6, start=1.35, rise=-3),
        rollout("Humanoid-v4", {}, 6, 8, start=1.35, rise=-3),
        rollout("Humanoid-v4", {"contactMargins": "summed"}, 6, 8, start=1.35, rise=-3),
        rollout("Humanoid-v4", {}, 4, 2, start=1.99, rise=3),
        *(rollout("Humanoid-v5", {}, 7, 2, start=3, rise=0, bend=bend) for bend in (-1.3, 1.3)),
    ],
}

for name, cases in CASES.items():
    path = REPOSITORY / "test" / "envs" / f"{name}.golden.json"
    golden = {
        "source": f"Gymnasium {gymnasium.__version__} on MuJoCo {mujoco.__version__} (PyPI builds, Linux x86-64)",
        "script": "python3 scripts/ant-humanoid-golden.py",
        "what": "each case: start from `start`, take `actions`; `rollout` has what came after each step, and the last observation",
        "cases": cases,
    }
    path.write_text(json.dumps(golden) + "\n")
    subprocess.run([REPOSITORY / "node_modules" / ".bin" / "prettier", "--log-level", "warn", "--write", path], check=True)
    print(f"wrote {path}: {len(cases)} cases")
