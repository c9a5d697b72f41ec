"""Compare our MuJoCo environments with Gymnasium's, and write the goldens of test/envs.

    python3 scripts/gymnasium-parity.py --venv /tmp/gymnasium-parity [--only Hopper] [--results experiments/parity]
                                        [--golden test/envs]

The first run makes a virtual environment in the folder given by --venv and installs Gymnasium and MuJoCo of the
versions below from PyPI. Both sides start from the same states and take the same random actions, a fourth of whose
numbers are out of bounds; neither stops where an episode ends. Tasks with contacts are chaotic: a difference of one
rounding grows until nothing is left to compare. Hence:

  stepwise 200 steps, each from Gymnasium's own state before it: from three of its resets, with default and with other
           options, and from states at the edge of what is healthy, possible or shown
  free     200 steps without correction, beside those of a Gymnasium twin that starts 2^-53 away in every number: what is
           below the twin's difference is rounding
  model    the compiled models, field by field
  trace    the recorded traces of ../shared, where these are

The version 4 of a task whose geoms have margins is run under both rules: "summed" is Gymnasium's model as it is, "larger"
the same with every margin halved. Numbers are |ours - theirs| / max(1, |theirs|), largest over what a row covers. Exit
status 1 where one of stepwise or trace is above 1e-9 (Pusher's steps: 1e-6; Ant's traces: 1e-8 in 50 steps), one of
free above 1e-9 and a thousand times the twin's, a number of the model above 1e-13, or anything else differs.
"""

import argparse
import inspect
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TRACES = REPOSITORY.parent / "shared" / "real" / "traces"
PACKAGES = ["gymnasium[mujoco]==1.3.0", "mujoco==3.14.0", "packaging"]
TOLERANCE = 1e-9
# One rounding can decide whether the solver, which stops at 1e-8, takes another iteration: of two Gymnasiums one rounding
# apart, Pusher's velocities were up to 1e-7 apart after one step.
STEP_TOLERANCES = {"Pusher": 1e-6}
TRACE_TOLERANCES = {"Ant": 1e-8}  # chaotic: 50 steps
MODEL_TOLERANCE = 1e-13
SCRIPT = "scripts/gymnasium-parity.py"
STEPS = 200
MILESTONES = (1, 10, 50, 100, 200)
MARGINS = ("Ant", "Hopper", "Humanoid", "Pusher")  # the tasks whose geoms have margins

LOCOMOTION = {
    "frameSkip": 3,
    "forwardRewardWeight": 1.5,
    "controlCostWeight": 0.3,
    "resetNoiseScale": 0.2,
    "excludeCurrentPositionsFromObservation": False,
    "maxEpisodeSteps": 60,
}
WALKING = {**LOCOMOTION, "resetNoiseScale": 0.02, "healthyReward": 2.5, "healthyZRange": [0.9, 1.4]}
CONTACT = {"contactCostWeight": 1e-3, "includeCfrcExtInObservation": False}
# Options unlike the defaults, by our names; those that a version of Gymnasium lacks are left out there.
OTHER_OPTIONS = {
    "Ant": {**WALKING, **CONTACT, "healthyZRange": [0.3, 0.8], "contactForceRange": [-0.5, 2]},
    "HalfCheetah": LOCOMOTION,
    "Hopper": {**WALKING, "healthyAngleRange": [-0.1, 0.15], "healthyStateRange": [-2, 3]},
    "Humanoid": {
        **WALKING,
        **CONTACT,
        "healthyZRange": [1.2, 1.5],
        "maxContactCost": 0.1,
        "includeCinertInObservation": False,
        "includeCvelInObservation": False,
        "includeQfrcActuatorInObservation": False,
    },
    "InvertedDoublePendulum": {"frameSkip": 3, "healthyReward": 4, "resetNoiseScale": 0.2, "maxEpisodeSteps": 5},
    "InvertedPendulum": {"frameSkip": 3, "resetNoiseScale": 0.05, "maxEpisodeSteps": 5},
    "Pusher": {
        "frameSkip": 3,
        "rewardNearWeight": 0.7,
        "rewardDistanceWeight": 1.5,
        "rewardControlWeight": 0.3,
        "maxEpisodeSteps": 5,
    },
    "Reacher": {"frameSkip": 3, "rewardDistanceWeight": 1.5, "rewardControlWeight": 0.3, "maxEpisodeSteps": 5},
    "Swimmer": LOCOMOTION,
    "Walker2d": {**WALKING, "healthyAngleRange": [-0.1, 0.15]},
}
# Gymnasium's names of our options, where they are not the same in snake case.
OPTION_NAMES = {
    "controlCostWeight": "ctrl_cost_weight",
    "rewardDistanceWeight": "reward_dist_weight",
    "maxContactCost": "contact_cost_range",
}
# What one of Gymnasium's options is in ours. Its `info` then has the cost of contacts in place of that of actions.
CONTACT_FORCES = {"includeCfrcExtInObservation": True, "contactCostWeight": 5e-4}, {"use_contact_forces": True}
# States at the edge: what of qpos and qvel they set after a reset.
EDGES = {
    "Ant": [("leaps", {2: 0.98}, {2: 2.0}), ("on its back", {2: 0.3, 3: 0.0, 4: 1.0}, {})],
    "HalfCheetah": [
        ("all joints below their limits", dict.fromkeys(range(3, 9), -1.3), {}),
        ("all joints above their limits", dict.fromkeys(range(3, 9), 1.3), {}),
    ],
    "Hopper": [
        ("falls over", {2: 0.19}, {2: 1.0}),
        ("runs faster than is shown", {1: 1.4}, {0: 12.0, 3: -15.0, 5: 11.0}),
    ],
    "Humanoid": [("sits down", {2: 1.02}, {2: -2.0}), ("lies", {2: 0.3, 3: 0.7, 4: 0.7}, {})],
    "InvertedDoublePendulum": [
        ("falls", {1: 0.5, 2: 0.16}, {1: 1.0}),
        ("strikes the end of the rail", {0: 0.99}, {0: 11.0}),
    ],
    "InvertedPendulum": [("falls", {1: 0.19}, {1: 0.3}), ("strikes the end of the rail", {0: 0.99}, {0: 2.0})],
    "Pusher": [("pushes", {1: 0.38, 7: -0.55, 8: 0.37}, {0: 1.0})],
    "Reacher": [("folded beyond its limit", {1: 3.02, 2: 0.28}, {3: 0.5})],
    "Swimmer": [("folded beyond its limits", {3: -1.8, 4: 1.8}, {})],
    "Walker2d": [
        ("falls over", {2: 0.97}, {2: 2.0}),
        ("runs faster than is shown", {1: 1.4}, {0: 12.0, 3: -15.0, 5: 11.0}),
    ],
}

# All that one of our states can hold.
STATE = ("qpos", "qvel", "qacc_warmstart", "xpos", "xipos", "site_xpos", "cinert", "cvel", "qfrc_actuator",
         "qfrc_constraint", "cfrc_ext")  # fmt: skip
# What only a renderer reads, bookkeeping of names, and the sizes that follow from these.
NOT_DYNAMICS = ("cam_", "light_", "mat_", "tex_", "text_", "name_", "numeric_", "key_", "geom_rgba", "geom_matid", "geom_user",
                "tendon_", "ten_", "wrap_", "site_rgba", "site_size", "site_matid", "site_group")  # fmt: skip
SIZES = {2: 1, 3: 2, 5: 2}  # numbers that a sphere, a capsule and a cylinder have; a file may state more
BOOKKEEPING = {
    "nJten", "names", "names_map", "paths", "text_data", "signature", "narena", "nbuffer", "ncam", "nkey", "nlight", "nmat", "nnames",
    "nnames_map", "nnumeric", "nnumericdata", "ntendon", "ntex", "ntexdata", "nuser_geom", "nwrap", "vis",
}  # fmt: skip


def enter_venv(folder):
    """Run this script again by the interpreter of the virtual environment `folder`, making it first where absent."""
    python = folder / "bin" / "python"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    if not python.exists():
        for command in ([sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "-q", *PACKAGES]):
            print("running:", *command, flush=True)
            subprocess.run(command, check=True)
    os.execv(python, [str(python), *sys.argv])


def gymnasium_name(option):
    return OPTION_NAMES.get(option) or re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", option)


def other_options(id):
    """Options of this id unlike its defaults: ours, and Gymnasium's."""
    import gymnasium

    module, name = gymnasium.spec(id).entry_point.split(":")
    known = inspect.signature(getattr(__import__(module, fromlist=[name]), name)).parameters
    ours, theirs = {}, {}
    for option, value in OTHER_OPTIONS[id.split("-")[0]].items():
        name = gymnasium_name(option)
        lacks = id == "Ant-v4" and option == "contactCostWeight"  # without effect there: see CONTACT_FORCES
        if lacks or name not in (*known, "max_episode_steps"):
            continue
        ours[option] = value
        if option == "maxContactCost":
            value = (float("-inf"), value)
        theirs[name] = tuple(value) if isinstance(value, list) else value
    return ours, theirs


def make_gymnasium(id, options, margins):
    """Gymnasium's environment under either rule for margins, Pusher-v4 also on a MuJoCo that it would refuse."""
    import gymnasium
    import mujoco

    version = mujoco.__version__
    mujoco.__version__ = "2" if id == "Pusher-v4" else version
    env = gymnasium.make(id, disable_env_checker=True, **options)
    mujoco.__version__ = version
    if margins == "larger":
        env.unwrapped.model.geom_margin *= 0.5
        env.unwrapped.model.body_margin *= 0.5
    return env


def numbers_of(info):
    """Names of the numbers in `info`; Humanoid's arrays of its tendons, which do nothing, are left out."""
    return sorted(name for name, value in info.items() if not getattr(value, "shape", ()))


def random_actions(generator, steps, space):
    return (space.high * generator.uniform(-4 / 3, 4 / 3, (steps, *space.shape))).round(4)


def make_case(id, options=None, seed=0, steps=STEPS, margins=None, edge=None, stepwise=False, set_state=False, twin=False):
    """Gymnasium's rollout of a case, `options` being ours and Gymnasium's; `twin` moves the start by 2^-53."""
    import numpy

    ours, theirs = options or ({}, {})
    env = make_gymnasium(id, theirs, margins)
    _, reset_info = env.reset(seed=seed)
    simulator = env.unwrapped
    data = simulator.data
    qpos, qvel = data.qpos.copy(), data.qvel.copy()
    if edge:
        for place, values in ((qpos, edge[1]), (qvel, edge[2])):
            for index, value in values.items():
                place[index] = value
    if twin:
        qpos += 2.0**-53
        qvel += 2.0**-53
    simulator.set_state(qpos, qvel)
    actions = random_actions(numpy.random.default_rng(seed), steps, env.action_space)
    case = {
        "id": id,
        "options": {**ours, "contactMargins": margins} if margins else ours,
        "seed": seed,
        "start": {"qpos": qpos.tolist(), "qvel": qvel.tolist()},
        "actions": actions.tolist(),
        "setStateAt": steps // 2 if set_state else None,
        "states": [] if stepwise else None,
    }
    rollout = {"resetInfo": numbers_of(reset_info), "startObservation": simulator._get_obs().tolist()}
    for name in ("qpos", "qvel", "observation", "reward", "terminated", "truncated", "info"):
        rollout[name] = []
    for t, action in enumerate(actions):
        if t == case["setStateAt"]:
            simulator.set_state(qpos, qvel)
            env._elapsed_steps = 0
        if stepwise:
            arrays = {name: getattr(data, name).ravel().tolist() for name in STATE}
            case["states"].append({**arrays, "time": [data.time]})
        observation, reward, terminated, truncated, info = env.step(action)
        rollout["qpos"].append(data.qpos.tolist())
        rollout["qvel"].append(data.qvel.tolist())
        rollout["observation"].append(observation.tolist())
        rollout["reward"].append(float(reward))
        rollout["terminated"].append(bool(terminated))
        rollout["truncated"].append(bool(truncated))
        rollout["info"].append({name: float(info[name]) for name in numbers_of(info)})
    env.close()
    return case, rollout


def run_ours(node, cases):
    command = [node, "scripts/gymnasium-parity-rollout.ts"]
    run = subprocess.run(
        command, input=json.dumps({"cases": cases}), capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    return json.loads(run.stdout)


def relative_difference(ours, theirs):
    import numpy

    ours, theirs = numpy.asarray(ours, float), numpy.asarray(theirs, float)
    if ours.shape != theirs.shape:
        return float("inf")
    if ours.size == 0:
        return 0.0
    difference = float(numpy.max(numpy.abs(ours - theirs) / numpy.maximum(1, numpy.abs(theirs))))
    return difference if difference == difference else float("inf")


def state_difference(ours, theirs, steps=None):
    return max(relative_difference(ours[name][:steps], theirs[name][:steps]) for name in ("qpos", "qvel"))


def compare_rollouts(case, ours, theirs):
    """Largest relative differences by quantity, and what of names and flags is unequal."""
    unequal = [] if ours["resetInfo"] == theirs["resetInfo"] else ["names of reset's info"]
    differences = {
        "state": state_difference(ours, theirs),
        "observation": max(relative_difference(ours[name], theirs[name]) for name in ("observation", "startObservation")),
        "reward": relative_difference(ours["reward"], theirs["reward"]),
        "info": 0.0,
    }
    names = sorted(theirs["info"][0])
    if all(sorted(info) == names for info in ours["info"]):
        values = [[[info[name] for name in names] for info in side["info"]] for side in (ours, theirs)]
        differences["info"] = relative_difference(*values)
    else:
        unequal.append("names of info")
    flags = ("terminated",) if case["states"] else ("terminated", "truncated")
    unequal += [name for name in flags if ours[name] != theirs[name]]
    return differences, unequal


def model_fields(model):
    """Every number and array of a compiled model that its dynamics can depend on."""
    import numpy

    assert not getattr(model, "tendon_stiffness", numpy.zeros(0)).any()
    fields = {}
    for owner, prefix in ((model, ""), (model.opt, "opt."), (model.stat, "stat.")):
        for name in dir(owner):
            if name.startswith("_") or name.startswith(NOT_DYNAMICS) or name in BOOKKEEPING:
                continue
            value = getattr(owner, name)
            if isinstance(value, (int, float, numpy.ndarray)):
                fields[prefix + name] = numpy.array(value)
    for geom_type, sizes in SIZES.items():
        fields["geom_size"][fields["geom_type"] == geom_type, sizes:] = 0
    fields["jnt_margin"][fields["jnt_limited"] == 0] = 0
    return fields


def compare_models(id, options, margins, mjcf):
    """Fields that differ between Gymnasium's compiled model and ours, by how much, and how many are equal bit by bit."""
    import mujoco
    import numpy

    env = make_gymnasium(id, options, margins)
    theirs = model_fields(env.unwrapped.model)
    ours = model_fields(mujoco.MjModel.from_xml_string(mjcf))
    env.close()
    unequal = {
        name: relative_difference(ours[name], theirs[name])
        for name in theirs
        if not numpy.array_equal(ours[name], theirs[name])
    }
    return unequal, len(theirs) - len(unequal)


def settings_of(id):
    """The rules for margins under which an id is compared."""
    task, version = id.split("-")
    if task not in MARGINS:
        return [None]
    return ["summed", "larger"] if version == "v4" else ["summed"]


def compare_id(node, id, margins):
    """Rows of results for an id under a rule for margins."""
    task = id.split("-")[0]
    common = {"id": id, "margins": margins}
    plans = []
    for options in [({}, {}), other_options(id), *([CONTACT_FORCES] if id == "Ant-v4" else [])]:
        for seed in (0, 1, 2):
            plans.append(("stepwise", {"options": options, "seed": seed, "stepwise": True}))
    for edge in EDGES[task]:
        plans.append(("stepwise", {"edge": edge, "seed": 3, "stepwise": True}))
    for seed in (0, 1, 2):
        plans.append(("free", {"seed": seed}))
    pairs = [make_case(id, margins=margins, **plan) for _, plan in plans]
    answer = run_ours(node, [case for case, _ in pairs])

    for (kind, plan), (case, theirs), ours in zip(plans, pairs, answer["rollouts"], strict=True):
        row = {"kind": kind, **common, "options": case["options"], "seed": plan["seed"], "steps": STEPS}
        if plan.get("options") is CONTACT_FORCES:
            ours["info"] = theirs["info"]
        differences, unequal = compare_rollouts(case, ours, theirs)
        if kind == "stepwise":
            yield {**row, "edge": plan["edge"][0] if "edge" in plan else None, **differences, "unequal": unequal,
                   "terminations": sum(theirs["terminated"])}  # fmt: skip
            continue
        _, twin = make_case(id, margins=margins, seed=plan["seed"], twin=True)
        growth = {}
        for steps in MILESTONES:
            growth[steps] = [state_difference(ours, theirs, steps), state_difference(twin, theirs, steps)]
        yield {**row, "growth": growth}
    unequal, equal = compare_models(id, {}, margins, answer["rollouts"][0]["mjcf"])
    yield {"kind": "model", **common, "equal": equal, "unequal": unequal, "versions": answer["versions"]}


def compare_trace(node, path):
    """A recorded trace of Gymnasium; those of v4 were recorded with margins summed."""
    trace = json.loads(path.read_text())
    id = trace["env"]
    case = {
        "id": id,
        "options": {"contactMargins": "summed"} if id.split("-")[0] in MARGINS else {},
        "seed": 0,
        "start": {"qpos": trace["qpos0"], "qvel": trace["qvel0"]},
        "actions": trace["actions"],
        "setStateAt": None,
        "states": None,
    }
    ours = run_ours(node, [case])["rollouts"][0]
    steps = 50 if id.startswith("Ant") else len(trace["actions"])
    shown = [int(t) for t in trace["obsAt"] if int(t) < steps]
    return {
        "kind": "trace",
        "trace": path.name,
        "id": id,
        "steps": steps,
        "state": state_difference(ours, trace, steps),
        "observation": max(
            relative_difference(ours["startObservation"], trace["obs0"]),
            relative_difference([ours["observation"][t] for t in shown], [trace["obsAt"][str(t)] for t in shown]),
        ),
        "reward": relative_difference(ours["reward"][:steps], trace["reward"][:steps]),
        "unequal": [] if ours["terminated"][:steps] == trace["terminated"][:steps] else ["terminated"],
        "growth": {milestone: state_difference(ours, trace, milestone) for milestone in MILESTONES},
    }


def fails(row):
    if row["kind"] == "free":
        return any(ours > max(TOLERANCE, 1000 * twin) for ours, twin in row["growth"].values())
    if row["kind"] == "model":
        return any(difference > MODEL_TOLERANCE for difference in row["unequal"].values())
    task = row["id"].split("-")[0]
    tolerance = TRACE_TOLERANCES.get(task, TOLERANCE) if row["kind"] == "trace" else STEP_TOLERANCES.get(task, TOLERANCE)
    return bool(row["unequal"]) or max(row["state"], row["observation"], row["reward"], row.get("info", 0)) > tolerance


def number(value):
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def summary_of(rows):
    """The tables of all rows, as Markdown."""
    groups = dict.fromkeys((row["id"], row["margins"]) for row in rows if row["kind"] == "model")
    stepwise, free = [], []
    for id, margins in groups:
        mine = [row for row in rows if row["id"] == id and row.get("margins") == margins]
        steps = [row for row in mine if row["kind"] == "stepwise"]
        model = next(row for row in mine if row["kind"] == "model")
        unequal = sorted({name for row in steps for name in row["unequal"]})
        within = f", {len(model['unequal'])} within {number(max(model['unequal'].values(), default=0))}"
        stepwise.append(
            [id, margins or "-", sum(row["steps"] for row in steps)]
            + [number(max(row[name] for row in steps)) for name in ("state", "observation", "reward", "info")]
            + [", ".join(unequal) or "all", sum(row["terminations"] for row in steps)]
            + [f"{model['equal']} equal" + (within if model["unequal"] else "")]
        )
        growths = [row["growth"] for row in mine if row["kind"] == "free"]
        cells = [[number(max(growth[steps][side] for growth in growths)) for side in (0, 1)] for steps in MILESTONES]
        free.append([id, margins or "-", *(f"{ours} ({twin})" for ours, twin in cells)])
    parts = [
        "## One step at a time",
        table(["task", "margins", "steps", "state", "observation", "reward", "info", "flags and names equal",
               "of which terminated", "model fields"], stepwise),
        "## 200 steps without correction",
        "State at its largest up to that step, ours (a Gymnasium twin's that starts 2^-53 away); worst of three seeds.",
        table(["task", "margins", *(f"step {steps}" for steps in MILESTONES)], free),
    ]  # fmt: skip
    traces = [row for row in rows if row["kind"] == "trace"]
    if traces:
        head = ["trace", "steps", "state", "observation", "reward", "ends equal", *(f"state to {n}" for n in MILESTONES)]
        body = [
            [row["trace"], row["steps"], *(number(row[name]) for name in ("state", "observation", "reward"))]
            + [", ".join(row["unequal"]) or "all", *(number(value) for value in row["growth"].values())]
            for row in traces
        ]
        parts += ["## Recorded traces", table(head, body)]
    return "\n\n".join(parts) + "\n"


def write_results(folder, rows, versions):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [versions, *rows]))
    words = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "kind")
    path = folder / "summary.md"
    path.write_text(f"# Parity with Gymnasium, in numbers\n\nGenerated by `{SCRIPT}`. {words}.\n\n{summary_of(rows)}")
    prettier(path)
    print(f"wrote {folder}/results.jsonl and summary.md")


def prettier(path):
    subprocess.run([REPOSITORY / "node_modules" / ".bin" / "prettier", "--log-level", "warn", "--write", path], check=True)


def write_golden(folder, task):
    """Short rollouts with all that is needed to repeat them, for tests that run without Gymnasium."""
    pairs = []
    for version in ("v5", "v4"):
        id = f"{task}-{version}"
        for margins in settings_of(id):
            pairs.append(make_case(id, seed=1, steps=16, margins=margins, set_state=True))
        margins = settings_of(id)[0]
        pairs.append(make_case(id, other_options(id), seed=2, steps=8, margins=margins, set_state=True))
        for edge in EDGES[task]:
            pairs.append(make_case(id, seed=3, steps=6, margins=margins, edge=edge))
    for _, rollout in pairs:
        rollout["observations"] = rollout.pop("observation")
    golden = {
        "source": "Gymnasium 1.3.0 on MuJoCo 3.14.0 (PyPI builds, Linux x86-64)",
        "script": f"python3 {SCRIPT} --venv <folder> --golden test/envs",
        "what": "each case: start from `start`, take `actions`, set the state to `start` again before step `setStateAt`;"
        " `rollout` has what came after each step; where contactMargins is larger, every geom's margin was halved",
        "cases": [{**case, "rollout": rollout} for case, rollout in pairs],
    }
    name = re.sub("(?<=[a-z])(?=[A-Z])", "-", task).lower()
    path = folder / f"{name}.golden.json"
    path.write_text(json.dumps(golden) + "\n")
    prettier(path)
    print(f"wrote {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="folder of the virtual environment, made where absent")
    parser.add_argument("--only", choices=sorted(OTHER_OPTIONS), action="append", help="compare this task only")
    parser.add_argument("--results", type=Path, help="folder to write results.jsonl and summary.md into")
    parser.add_argument("--golden", type=Path, help="folder to write the goldens into")
    parser.add_argument("--node", default="node", help="Node >= 22.18 (default: node_modules/.bin/node or node)")
    arguments = parser.parse_args()
    enter_venv(arguments.venv)

    import gymnasium
    import mujoco
    import numpy

    gymnasium.logger.min_level = gymnasium.logger.ERROR  # version 4 is old
    node = REPOSITORY / "node_modules" / ".bin" / "node"
    node = str(node) if arguments.node == "node" and node.exists() else arguments.node
    tasks = arguments.only or sorted(OTHER_OPTIONS)
    if arguments.golden:
        for task in tasks:
            if task not in ("Ant", "Humanoid"):  # ant-humanoid-golden.py writes these
                write_golden(arguments.golden, task)
        return
    rows = []
    for id in (f"{task}-{version}" for task in tasks for version in ("v4", "v5")):
        for margins in settings_of(id):
            rows += compare_id(node, id, margins)
            print("compared", id, margins or "", flush=True)
    for path in sorted(TRACES.glob("*-v[45].json")):
        if json.loads(path.read_text())["env"].split("-")[0] in tasks:
            rows.append(compare_trace(node, path))
    print(summary_of(rows))
    failures = [row for row in rows if fails(row)]
    for row in failures:
        print("FAILED", json.dumps(row))
    if arguments.results:
        mine = {"python": platform.python_version(), "gymnasium": gymnasium.__version__, "mujoco": mujoco.__version__}
        theirs = next(row["versions"] for row in rows if row["kind"] == "model")
        write_results(arguments.results, rows, {"kind": "versions", **mine, "numpy": numpy.__version__, **theirs})
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
