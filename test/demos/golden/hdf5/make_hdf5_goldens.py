"""Writes the HDF5 files of this folder and what they hold: python3 make_hdf5_goldens.py

hopper-v0 and cartpole-v0 were collected by Minari's DataCollector, the Dict one by `create_dataset_from_buffers`. The D4RL
ones and Minari's older form are written with h5py as the files of those projects are laid out, with counted numbers. What a
reader should find is in expected.json, as float32.
"""

import json
import os
import pathlib
import shutil

import gymnasium
import h5py
import minari
import numpy as np
from gymnasium import spaces

HERE = pathlib.Path(__file__).parent
VERSIONS = f"Minari {minari.__version__}, Gymnasium {gymnasium.__version__}, h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}"
expected = {}


def numbers(values):
    return np.asarray(values).astype("f4").astype(float).ravel().tolist()


def expect(name, episodes, **more):
    """episodes: dicts of observations (one row more than actions), actions, rewards, terminations, truncations."""
    expected[name] = {
        "lengths": [len(episode["rewards"]) for episode in episodes],
        "observations": [number for episode in episodes for number in numbers(episode["observations"][:-1])],
        "nextObservations": [number for episode in episodes for number in numbers(episode["observations"][1:])],
        "actions": [number for episode in episodes for number in numbers(episode["actions"])],
        "rewards": [number for episode in episodes for number in numbers(episode["rewards"])],
        "terminated": [int(flag) for episode in episodes for flag in episode["terminations"]],
        "truncated": [int(flag) for episode in episodes for flag in episode["truncations"]],
        **more,
    }


def collect(name, id, episodes, **options):
    """Random actions under Minari's own collector."""
    env = minari.DataCollector(gymnasium.make(id, **options))
    env.action_space.seed(0)
    for seed in range(episodes):
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            ended = terminated or truncated
    dataset = env.create_dataset(name, algorithm_name="random", code_permalink="none", author="nobody", author_email="none")
    expect(name, [vars(episode) for episode in dataset.iterate_episodes()])


def collect_dict():
    """Observations of a Dict, as in goal-conditioned tasks, each episode cut after three steps."""
    box = spaces.Box(-np.inf, np.inf, (2,))
    buffers = []
    for first in (0, 10):
        steps = first + np.arange(4, dtype="f4")
        buffers.append(
            minari.data_collector.EpisodeBuffer(
                observations={"observation": np.stack([steps, -steps], 1), "desired_goal": np.ones((4, 2), "f4")},
                actions=np.arange(6, dtype="f4").reshape(3, 2),
                rewards=[1.0, 2.0, 3.0],
                terminations=[False, False, False],
                truncations=[False, False, first == 0],
            )
        )
    dataset = minari.create_dataset_from_buffers(
        "dict-v0",
        buffers,
        observation_space=spaces.Dict({"observation": box, "desired_goal": box}),
        action_space=box,
        algorithm_name="counted",
        code_permalink="none",
        author="nobody",
        author_email="none",
    )
    episodes = [vars(episode) for episode in dataset.iterate_episodes()]
    for episode in episodes:
        episode["observations"] = episode["observations"]["observation"]
        episode["truncations"] = [False, False, True]
    expect("dict-v0", episodes)


def minari_0_4():
    """One file, described by its attributes; episode_10 comes after episode_2."""
    episodes = []
    spec = gymnasium.spec("CartPole-v1")
    with h5py.File(HERE / "minari-0.4.hdf5", "w") as file:
        file.attrs["env_spec"] = spec.to_json()
        file.attrs["dataset_id"] = "cartpole-old-v0"
        file.attrs["total_episodes"] = 3
        file.attrs["total_steps"] = 9
        for id, steps in ((10, 4), (0, 2), (2, 3)):
            group = file.create_group(f"episode_{id}")
            group.attrs["id"] = id
            group.attrs["seed"] = 7
            group.attrs["total_steps"] = steps
            episode = {
                "observations": (100 * id + np.arange(4 * (steps + 1)).reshape(-1, 4)).astype("f8"),
                "actions": np.arange(steps) % 2,
                "rewards": np.ones(steps),
                "terminations": np.arange(steps) == steps - 1,
                "truncations": np.zeros(steps, bool),
            }
            for key, values in episode.items():
                group[key] = values
            group["infos/angle"] = np.zeros(steps + 1)
            episodes.append((id, episode))
    expect("minari-0.4.hdf5", [episode for _, episode in sorted(episodes, key=lambda pair: pair[0])])


def d4rl(name, timeouts=True, next_observations=True, libver="earliest"):
    """Three episodes of 4, 1 and 5 steps: cut, terminated, cut."""
    steps = 10
    observations = np.arange(3 * steps, dtype="f4").reshape(steps, 3) / 4
    next_observations_all = observations + 0.75
    terminals = np.arange(steps) == 4
    cuts = np.isin(np.arange(steps), (3, 9))
    with h5py.File(HERE / name, "w", libver=libver) as file:
        packing = {"compression": "gzip", "chunks": (4, 3)}
        file.create_dataset("observations", data=observations, **packing)
        file.create_dataset("actions", data=np.arange(2 * steps, dtype="f4").reshape(steps, 2), compression="gzip", shuffle=True)
        file["rewards"] = np.arange(steps, dtype="f4")
        file["terminals"] = terminals
        if timeouts:
            file["timeouts"] = cuts
        if next_observations:
            file.create_dataset("next_observations", data=next_observations_all, **packing)
        file["infos/qpos"] = np.zeros((steps, 2))
        file["infos/qvel"] = np.zeros((steps, 2))
        file["metadata/algorithm"] = "SAC"
        file["metadata/iteration"] = 990
        file["metadata/policy/fc0/weight"] = np.zeros((3, 2))


def refused():
    """What must be refused, each in one line."""
    steps = 6

    def start(name):
        file = h5py.File(HERE / "refused" / name, "w")
        file["observations"] = np.zeros((steps, 3), "f4")
        file["actions"] = np.zeros((steps, 2), "f4")
        file["rewards"] = np.zeros(steps, "f4")
        file["terminals"] = np.arange(steps) == steps - 1
        file["timeouts"] = np.zeros(steps, bool)
        return file

    def replace(file, name, **dataset):
        del file[name]
        return file.create_dataset(name, **dataset)

    (HERE / "refused").mkdir(exist_ok=True)
    with start("overflow.hdf5") as file:
        values = np.zeros((steps, 3))
        values[1, 2] = 1e300
        replace(file, "observations", data=values)
    with start("nan.hdf5") as file:
        file["actions"][2, 1] = np.nan
    with start("external-link.hdf5") as file:
        del file["actions"]
        file["actions"] = h5py.ExternalLink("nan.hdf5", "/actions")
    with start("external-storage.hdf5") as file:
        replace(file, "actions", shape=(steps, 2), dtype="f4", external=[("nan.hdf5", 0, 8 * steps)])
    with start("broken-link.hdf5") as file:
        del file["actions"]
        file["actions"] = h5py.SoftLink("/none")
    with start("virtual.hdf5") as file:
        del file["actions"]
        layout = h5py.VirtualLayout((steps, 2), "f4")
        layout[:] = h5py.VirtualSource("nan.hdf5", "actions", (steps, 2))
        file.create_virtual_dataset("actions", layout)
    with start("huge-shape.hdf5") as file:  # chunks that were never written
        replace(file, "observations", shape=(10**12, 3), dtype="f4", chunks=(1000, 3))
    with start("huge-chunk.hdf5") as file:
        replace(file, "observations", shape=(steps, 3), maxshape=(None, 3), dtype="f4", chunks=(3 * 10**8, 3))
    with start("lzf.hdf5") as file:
        replace(file, "observations", data=np.zeros((steps, 3), "f4"), compression="lzf")
    with start("complex.hdf5") as file:
        replace(file, "actions", data=np.zeros((steps, 2), complex))
    with start("text.hdf5") as file:
        replace(file, "actions", data=np.array([b"left"] * steps))
    with start("scalar.hdf5") as file:
        replace(file, "actions", data=np.float32(1))
    with start("rows.hdf5") as file:
        replace(file, "actions", data=np.zeros((steps - 1, 2), "f4"))
    with start("flags.hdf5") as file:
        replace(file, "terminals", data=np.full(steps, 2))
    with start("empty.hdf5") as file:
        replace(file, "observations", data=h5py.Empty("f4"))
    with h5py.File(HERE / "refused" / "neither.hdf5", "w") as file:
        file["images"] = np.zeros(3)
    with h5py.File(HERE / "refused" / "no-steps.hdf5", "w") as file:
        file["episode_0/terminations"] = np.zeros(0, bool)
    with h5py.File(HERE / "refused" / "no-final-observation.hdf5", "w") as file:
        for key, shape in (("observations", (3, 2)), ("actions", (3, 1)), ("rewards", 3), ("terminations", 3), ("truncations", 3)):
            file[f"episode_0/{key}"] = np.zeros(shape, bool if key.endswith("ations") and key[0] == "t" else "f4")
    with h5py.File(HERE / "refused" / "tuple.hdf5", "w") as file:
        file["episode_0/observations/_index_0"] = np.zeros((2, 2))
        file["episode_0/observations/_index_1"] = np.zeros((2, 2))
        file["episode_0/terminations"] = np.zeros(1, bool)

    # The library never comes back from the second of two texts whose length in the file's heap is wrong.
    with start("hangs.hdf5") as file:
        file["metadata/algorithm"] = "SAC"
        file["metadata/name"] = "one"
    path = HERE / "refused" / "hangs.hdf5"
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL") + 48] = 255
    path.write_bytes(content)


def precision():
    """Numbers that float32 cannot keep: too small, and a whole number too long."""
    steps = 4
    with h5py.File(HERE / "precision.hdf5", "w") as file:
        values = np.arange(3 * steps).reshape(steps, 3) / 10
        values[1, 1] = 1e-50
        file["observations"] = values
        file["next_observations"] = np.arange(3 * steps).reshape(steps, 3) / 10
        file["actions"] = np.array([[1], [2], [3], [2**24 + 1]])
        file["rewards"] = np.arange(steps, dtype=">f8")
        file["terminals"] = np.arange(steps) == steps - 1
        file["timeouts"] = np.zeros(steps, "u1")


def main():
    os.environ["MINARI_DATASETS_PATH"] = str(HERE)
    for name in ("hopper-v0", "cartpole-v0", "dict-v0"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    collect("hopper-v0", "Hopper-v5", 2, max_episode_steps=8, ctrl_cost_weight=0.01, healthy_z_range=(0.7, float("inf")))
    collect("cartpole-v0", "CartPole-v1", 2, max_episode_steps=11)
    collect_dict()
    minari_0_4()
    d4rl("d4rl-v2.hdf5")
    d4rl("d4rl-v1.hdf5", next_observations=False, libver="latest")
    d4rl("d4rl-v0.hdf5", timeouts=False, next_observations=False)
    precision()
    refused()
    description = {"source": VERSIONS, "script": "python3 test/demos/golden/hdf5/make_hdf5_goldens.py", "sets": expected}
    (HERE / "expected.json").write_text(json.dumps(description) + "\n")


if __name__ == "__main__":
    main()
