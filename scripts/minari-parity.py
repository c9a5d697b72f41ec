"""Compare Minari's data sets with ours, in both directions, and D4RL files with h5py.

    python3 scripts/minari-parity.py [--folder /tmp/minari-parity]

Needs Minari 0.5 with its extras for HDF5 and for making data sets, and Gymnasium with MuJoCo. Minari collects random
episodes of some environments; then

  read   what our reader finds in them must be what Python does, rounded to float32
  write  what our sink makes of them, as Minari and as D4RL, must load in Python with the same values, flags, spaces and
         environment, which Minari must be able to make again
  ours   recordings of `tandem demos record`, written as Minari, must load, and the environment that Minari makes again must
         have their spaces and, where an observation is a state, pay what they say was paid

Exit status 1 where anything differs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

# name: environment, its options, episodes
COLLECTED = {
    "hopper-v0": ("Hopper-v5", {"ctrl_cost_weight": 0.01, "healthy_reward": 2.0}, 4),
    "half-cheetah-v0": ("HalfCheetah-v5", {"max_episode_steps": 300}, 3),
    "cartpole-v0": ("CartPole-v1", {}, 5),
    "nested/mountain-car-v3": ("MountainCar-v0", {"goal_velocity": 0.01}, 2),
    "pendulum-v1": ("Pendulum-v1", {}, 2),
    "frozen-lake-v0": ("FrozenLake-v1", {}, 6),
}

# Recordings of ours: the options Gymnasium is to be given and, of those that show their state, how many of the first
# coordinates are positions after x.
RECORDED = {
    "halfcheetah-v5-tandem-sac": ([], 8),
    "hopper-v5-tandem-sac": ([], 5),
    "walker2d-v5-tandem-sac": ([], 8),
    "ant-v5-tandem-sac": (["cfrc_ext"], None),
    "humanoid-v5-tandem-sac": (["cfrc_ext", "cinert", "cvel", "qfrc_actuator"], None),
    "cartpole-v1-tandem-soft-q": ([], None),
}
REPLAYED = 200


def collect(name, id, options, episodes):
    import gymnasium
    import minari

    env = minari.DataCollector(gymnasium.make(id, **options))
    env.action_space.seed(1)
    for seed in range(episodes):
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            ended = terminated or truncated
    return env.create_dataset(
        name, algorithm_name="random", author="nobody", author_email="none", code_permalink="none", description="random"
    )


def run_ours(node, job):
    command = [node, "scripts/minari-parity.ts"]
    run = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, cwd=REPOSITORY, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    return json.loads(run.stdout)


def columns_of(dataset):
    """All episodes of a Minari data set in flat columns, float32, as our reader gives them."""
    import numpy

    episodes = list(dataset.iterate_episodes())

    def flat(values):
        return numpy.concatenate([numpy.asarray(one).astype("f4").reshape(len(one), -1) for one in values])

    return {
        "observations": flat([episode.observations[:-1] for episode in episodes]),
        "nextObservations": flat([episode.observations[1:] for episode in episodes]),
        "actions": flat([episode.actions for episode in episodes]),
        "rewards": flat([episode.rewards for episode in episodes]),
        "terminated": flat([episode.terminations for episode in episodes]),
        "truncated": flat([episode.truncations for episode in episodes]),
        "episodeStarts": numpy.cumsum([0] + [len(episode.rewards) for episode in episodes]),
    }


def unequal(columns, other):
    import numpy

    return [name for name in columns if not numpy.array_equal(columns[name].ravel(), numpy.ravel(other[name]))]


def compare_minari(theirs, ours):
    """What differs between two data sets, as Python sees them."""
    problems = unequal(columns_of(theirs), columns_of(ours))
    for kind in ("observation_space", "action_space"):
        expected, found = getattr(theirs, kind), getattr(ours, kind)
        same = expected == found
        if hasattr(expected, "low"):  # ours are float32
            same = expected.shape == found.shape and (expected.low == found.low).all() and (expected.high == found.high).all()
        if not same:
            problems.append(f"{kind} {found}")
    if theirs.env_spec != ours.env_spec:
        problems.append(f"env_spec {ours.env_spec}")
    if (theirs.total_steps, theirs.total_episodes) != (ours.total_steps, ours.total_episodes):
        problems.append("totals")
    for episode in ours.iterate_episodes():
        kept = ours.observation_space.contains(episode.observations[0])
        if not kept or episode.observations.dtype != ours.observation_space.dtype:
            problems.append(f"episode {episode.id} is not in the observation space")
    env = ours.recover_environment()
    env.close()
    return problems


def replay(dataset, positions):
    """Of the first recorded steps whose observation clips nothing, each taken again from it by the environment that Minari
    makes: how many, and the largest difference of a reward."""
    import numpy

    env = dataset.recover_environment()
    env.reset(seed=0)
    episode = next(iter(dataset.iterate_episodes()))
    whole = [row for row in range(len(episode.rewards)) if abs(episode.observations[row]).max() < 10][:REPLAYED]
    worst = 0.0
    for row in whole:
        state = numpy.concatenate([[0.0], episode.observations[row].astype(float)])
        env.unwrapped.set_state(state[: positions + 1], state[positions + 1 :])
        reward = env.unwrapped.step(episode.actions[row])[1]
        worst = max(worst, abs(reward - float(episode.rewards[row])))
    env.close()
    return len(whole), worst


def compare_recording(dataset, hidden, positions):
    env = dataset.recover_environment()
    problems = []
    if dataset.env_spec.kwargs != {f"include_{name}_in_observation": False for name in hidden}:
        problems.append(f"options {dataset.env_spec.kwargs}")
    for kind in ("observation_space", "action_space"):
        expected, found = getattr(env, kind), getattr(dataset, kind)
        if expected.shape != found.shape:
            problems.append(f"{kind} {found} for {expected}")
    env.close()
    if positions is None:
        return problems, ""
    steps, worst = replay(dataset, positions)
    if worst > 1e-3:  # observations are float32, and contacts are stiff
        problems.append("rewards")
    return problems, f", {steps} rewards within {worst:.0e}"


def compare_d4rl(theirs, path):
    import h5py
    import numpy

    columns = columns_of(theirs)
    names = {
        "observations": "observations",
        "nextObservations": "next_observations",
        "actions": "actions",
        "rewards": "rewards",
        "terminated": "terminals",
        "truncated": "timeouts",
    }
    with h5py.File(path) as file:
        found = {ours: file[name][()] for ours, name in names.items()}
        columns.pop("episodeStarts")
        problems = unequal(columns, found)
        if file["observations"].compression != "gzip" or file["observations"].dtype != numpy.float32:
            problems.append("storage")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/minari-parity"), help="where the data sets are made anew")
    parser.add_argument("--node", default="node", help="Node >= 22.18 (default: node_modules/.bin/node or node)")
    arguments = parser.parse_args()
    node = REPOSITORY / "node_modules" / ".bin" / "node"
    node = str(node) if arguments.node == "node" and node.exists() else arguments.node
    folder = arguments.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["MINARI_DATASETS_PATH"] = str(folder)
    import gymnasium
    import minari
    import mujoco

    print(f"minari {minari.__version__}, gymnasium {gymnasium.__version__}, mujoco {mujoco.__version__}")
    theirs = {name: collect(name, *specification) for name, specification in COLLECTED.items()}
    ours = {name: f"ours/{name}" for name in theirs}
    for name in ours.values():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write = []
    for name in theirs:
        write.append({"from": str(folder / name), "to": str(folder / ours[name]), "format": "minari"})
        write.append({"from": str(folder / name), "to": str(folder / ours[name]) + ".hdf5", "format": "d4rl"})
    for name in RECORDED:
        place = str(folder / "recorded" / f"{name}-v0")
        write.append({"from": str(REPOSITORY / "demonstrations" / f"{name}.npz"), "to": place, "format": "minari"})
    (folder / "recorded").mkdir()
    found = run_ours(node, {"write": write, "read": [str(folder / name) for name in theirs]})

    failed = False
    for name, dataset in theirs.items():
        columns = columns_of(dataset)
        ours_read = found[str(folder / name)]
        problems = {
            "read": unequal(columns, ours_read),
            "minari": compare_minari(dataset, minari.load_dataset(ours[name])),
            "d4rl": compare_d4rl(dataset, f"{folder / ours[name]}.hdf5"),
        }
        if ours_read["env"] != COLLECTED[name][0]:
            problems["read"].append(f"env {ours_read['env']}")
        failed = failed or any(problems.values())
        words = "  ".join(f"{kind} {'same' if not some else some}" for kind, some in problems.items())
        print(f"{name}: {dataset.total_episodes} episodes, {dataset.total_steps} steps: {words}  options {ours_read['envOptions']}")
    for name, (hidden, positions) in RECORDED.items():
        dataset = minari.load_dataset(f"recorded/{name}-v0")
        problems, replayed = compare_recording(dataset, hidden, positions)
        failed = failed or bool(problems)
        print(f"{name}: {dataset.total_steps} steps: {'same' if not problems else problems}{replayed}")
    unlisted = [name for name in ours.values() if name not in minari.list_local_datasets()]
    print(f"ours that Minari does not list: {unlisted or 'none'}")
    failed = failed or bool(unlisted)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
