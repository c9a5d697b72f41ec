"""Compare our MuJoCo environments with Gymnasium's, and write the goldens of test/envs.

    python3 scripts/gymnasium-parity.py --venv /tmp/gymnasium-parity [--golden test/envs]

The first run makes a virtual environment in the folder given by --venv and installs Gymnasium and MuJoCo of the
versions below from PyPI. Both sides start from the states that Gymnasium's resets drew and take the same actions.
Agitated cheetahs are chaotic: a difference of one rounding grows tenfold every few steps until nothing is left to
compare. Hence three comparisons:

  free     200 steps under smooth actions, in whose gaits rounding does not grow, the state being set once in between
  stepwise 200 steps under random actions, a fourth of them out of bounds, each from Gymnasium's own state before it
  chaos    free steps under random actions, against a Gymnasium twin that starts one rounding away: informative only,
           the two columns should be of a size

In the first two, qpos, qvel, observation, reward and info of every step, terminated and truncated (free only) and the
names in the infos are compared; and the compiled models, field by field. Exit status 1 where a relative difference
|ours - theirs| / max(1, |theirs|) is above 1e-9 or anything else differs.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ["gymnasium[mujoco]==1.3.0", "mujoco==3.14.0", "packaging"]
TOLERANCE = 1e-9
SCRIPT = "scripts/gymnasium-parity.py"

# Gymnasium's names of our options.
OPTION_NAMES = {
    "frameSkip": "frame_skip",
    "forwardRewardWeight": "forward_reward_weight",
    "controlCostWeight": "ctrl_cost_weight",
    "resetNoiseScale": "reset_noise_scale",
    "excludeCurrentPositionsFromObservation": "exclude_current_positions_from_observation",
    "maxEpisodeSteps": "max_episode_steps",
}
OTHER_OPTIONS = {
    "forwardRewardWeight": 1.5,
    "controlCostWeight": 0.3,
    "resetNoiseScale": 0.2,
    "excludeCurrentPositionsFromObservation": False,
    "maxEpisodeSteps": 60,
}

# What only a renderer reads, bookkeeping of names, and the sizes that follow from these.
NOT_DYNAMICS = ("cam_", "light_", "mat_", "tex_", "name_", "geom_rgba", "geom_matid", "geom_user")
BOOKKEEPING = {
    "names", "names_map", "paths", "text_data", "signature", "narena", "nbuffer", "ncam", "nlight", "nmat", "nnames",
    "nnames_map", "ntex", "ntexdata", "nuser_geom", "vis",
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


def smooth_actions(generator, steps, count):
    import numpy

    phase = generator.uniform(0, 2 * numpy.pi, count)
    return (0.5 * numpy.sin(0.1 * numpy.arange(steps)[:, None] + phase)).round(4)


def random_actions(generator, steps, count):
    return generator.uniform(-4 / 3, 4 / 3, (steps, count)).round(4)


def make_case(id, options, seed, steps, actions, stepwise=False, set_state=False, rounding=0.0, bend=None):
    """Gymnasium's rollout of a case. Its height starts `rounding` away, its six leg joints at `bend` where given."""
    import gymnasium
    import numpy

    names = {OPTION_NAMES[name]: value for name, value in options.items()}
    env = gymnasium.make(id, **names)
    _, reset_info = env.reset(seed=seed)
    simulator = env.unwrapped
    data = simulator.data
    qpos, qvel = data.qpos.copy(), data.qvel.copy()
    qpos[1] += rounding
    if bend is not None:
        qpos[3:] = bend
    simulator.set_state(qpos, qvel)
    actions = actions(numpy.random.default_rng(seed), steps, simulator.model.nu)
    case = {
        "id": id,
        "options": options,
        "seed": seed,
        "start": {"qpos": qpos.tolist(), "qvel": qvel.tolist()},
        "actions": actions.tolist(),
        "setStateAt": steps // 2 if set_state else None,
        "states": [] if stepwise else None,
    }
    rollout = {"resetInfo": sorted(reset_info)}
    for name in ("qpos", "qvel", "observation", "reward", "terminated", "truncated", "info"):
        rollout[name] = []
    for t, action in enumerate(actions):
        if t == case["setStateAt"]:
            simulator.set_state(qpos, qvel)
            env._elapsed_steps = 0
        if stepwise:
            arrays = {name: getattr(data, name).tolist() for name in ("qpos", "qvel", "qacc_warmstart")}
            case["states"].append({**arrays, "time": [data.time]})
        observation, reward, terminated, truncated, info = env.step(action)
        rollout["qpos"].append(data.qpos.tolist())
        rollout["qvel"].append(data.qvel.tolist())
        rollout["observation"].append(observation.tolist())
        rollout["reward"].append(float(reward))
        rollout["terminated"].append(bool(terminated))
        rollout["truncated"].append(bool(truncated))
        rollout["info"].append({name: float(value) for name, value in info.items()})
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
    difference = float(numpy.max(numpy.abs(ours - theirs) / numpy.maximum(1, numpy.abs(theirs))))
    return difference if difference == difference else float("inf")


def compare_rollouts(case, ours, theirs):
    """Largest relative differences by quantity; infinite where names, shapes or flags differ."""
    differences = {
        name: relative_difference(ours[name], theirs[name]) for name in ("qpos", "qvel", "observation", "reward")
    }
    same_names = ours["resetInfo"] == theirs["resetInfo"]
    for mine, other in zip(ours["info"], theirs["info"], strict=True):
        same_names = same_names and sorted(mine) == sorted(other)
    if same_names:
        names = sorted(theirs["info"][0])
        values = [[[info[name] for name in names] for info in side["info"]] for side in (ours, theirs)]
        differences["info"] = relative_difference(*values)
    else:
        differences["info"] = float("inf")
    flags = ("terminated",) if case["states"] else ("terminated", "truncated")
    same_flags = all(ours[name] == theirs[name] for name in flags)
    differences["flags"] = 0.0 if same_flags else float("inf")
    return differences


def model_fields(model):
    """Every number and array of a compiled model that its dynamics can depend on."""
    import numpy

    fields = {}
    for owner, prefix in ((model, ""), (model.opt, "opt."), (model.stat, "stat.")):
        for name in dir(owner):
            if name.startswith("_") or name.startswith(NOT_DYNAMICS) or name in BOOKKEEPING:
                continue
            value = getattr(owner, name)
            if isinstance(value, (int, float, numpy.ndarray)):
                fields[prefix + name] = numpy.asarray(value)
    return fields


def compare_models(id, mjcf):
    """Names of the fields that differ between Gymnasium's compiled model and ours, and how many are equal bit by bit."""
    import gymnasium
    import mujoco
    import numpy

    env = gymnasium.make(id)
    theirs = model_fields(env.unwrapped.model)
    ours = model_fields(mujoco.MjModel.from_xml_string(mjcf))
    unequal = [name for name in theirs if not numpy.array_equal(ours[name], theirs[name])]
    env.close()
    return unequal, len(theirs) - len(unequal)


def compare_chaos(node):
    """Difference in qpos at some steps: ours from Gymnasium, and of a Gymnasium twin that starts one rounding away."""
    import numpy

    specifications = [("HalfCheetah-v5", {}, seed, 100, random_actions) for seed in (20, 21, 22)]
    for specification in specifications:
        case, theirs = make_case(*specification)
        _, twin = make_case(*specification, rounding=1e-15)
        ours = run_ours(node, [case])["rollouts"][0]
        for name, side in (("ours", ours), ("twin", twin)):
            growth = numpy.abs(numpy.array(side["qpos"]) - theirs["qpos"]).max(1)[9::10]
            print(f"chaos    {case['id']} seed {case['seed']} {name}:", *(f"{value:.0e}" for value in growth))


def write_golden(folder):
    """Short rollouts with all that is needed to repeat them, for tests that run without Gymnasium."""
    specifications = [
        ("HalfCheetah-v5", {}, 1, 24),
        ("HalfCheetah-v5", {"frameSkip": 2, **OTHER_OPTIONS, "maxEpisodeSteps": 5}, 2, 12),
        ("HalfCheetah-v4", {}, 3, 6),
    ]
    golden = {
        "source": "Gymnasium 1.3.0 on MuJoCo 3.14.0 (PyPI builds, Linux x86-64)",
        "script": f"python3 {SCRIPT} --venv <folder> --golden test/envs",
        "what": "each case: start from `start` (Gymnasium's reset with `seed`), take `actions`, set the state to `start`"
        " again before step `setStateAt`; `rollout` has what came after each step",
        "cases": [],
    }
    for specification in specifications:
        case, rollout = make_case(*specification, random_actions, set_state=True)
        golden["cases"].append({**case, "rollout": rollout})
    for bend in (-1.3, 1.3):  # all joints beyond their lower, then their upper limits
        case, rollout = make_case("HalfCheetah-v5", {}, 4, 3, random_actions, bend=bend)
        golden["cases"].append({**case, "rollout": rollout})
    path = folder / "half-cheetah.golden.json"
    path.write_text(json.dumps(golden) + "\n")
    subprocess.run([REPOSITORY / "node_modules" / ".bin" / "prettier", "--log-level", "warn", "--write", path], check=True)
    print(f"wrote {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="folder of the virtual environment, made where absent")
    parser.add_argument("--golden", type=Path, help="folder to write the goldens into")
    parser.add_argument("--node", default="node", help="Node >= 22.18 (default: node_modules/.bin/node or node)")
    arguments = parser.parse_args()
    enter_venv(arguments.venv)

    node = REPOSITORY / "node_modules" / ".bin" / "node"
    node = str(node) if arguments.node == "node" and node.exists() else arguments.node
    settings = [("HalfCheetah-v5", {}), ("HalfCheetah-v5", {"frameSkip": 3, **OTHER_OPTIONS})]
    settings += [("HalfCheetah-v4", {}), ("HalfCheetah-v4", OTHER_OPTIONS)]
    results = []
    for seed in (0, 1, 2):
        for id, options in settings:
            results.append(("free    ", *make_case(id, options, seed, 200, smooth_actions, set_state=True)))
            results.append(("stepwise", *make_case(id, options, seed, 200, random_actions, stepwise=True)))
    ours = run_ours(node, [case for _, case, _ in results])

    worst = 0.0
    for (kind, case, theirs), mine in zip(results, ours["rollouts"], strict=True):
        differences = compare_rollouts(case, mine, theirs)
        worst = max(worst, *differences.values())
        words = "  ".join(f"{name} {value:.1e}" for name, value in differences.items())
        print(f"{kind} {case['id']} seed {case['seed']} {'other' if case['options'] else 'default'} options: {words}")
    failed = worst > TOLERANCE
    for id, mjcf in ours["models"].items():
        unequal, equal = compare_models(id, mjcf)
        failed = failed or bool(unequal)
        print(f"{id} compiled model: {equal} fields equal bit by bit, {len(unequal)} not {' '.join(unequal)}")
    print(f"largest relative difference {worst:.1e}, tolerance {TOLERANCE:.0e}")
    compare_chaos(node)
    if arguments.golden:
        write_golden(arguments.golden)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
