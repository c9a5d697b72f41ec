"""Writes the fixtures in this folder with numpy alone: python3 make_goldens.py

The demonstration files follow the conventions of the libraries they are named after; the numbers are counted up so
that a reader can check them by eye.
"""

import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
KINDS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]


def counting(kind):
    """[[0, 1, 2], [3, 4, 5]], minus 2 where negative numbers exist, a quarter of that where fractions exist."""
    values = np.arange(6).reshape(2, 3)
    if kind[0] != "u":
        values = values - 2
    return (values / 4 if kind[0] == "f" else values).astype(kind)


def dtypes():
    arrays = {}
    for kind in KINDS:
        arrays[f"little_{kind}"] = counting(kind).astype("<" + kind)
        arrays[f"big_{kind}"] = counting(kind).astype(">" + kind)
        arrays[f"fortran_{kind}"] = np.asfortranarray(counting(kind))
    arrays["little_b1"] = np.arange(6).reshape(2, 3) % 2 == 1
    arrays["cube"] = np.asfortranarray(np.arange(24, dtype="i4").reshape(2, 3, 4))
    arrays["scalar"] = np.float64(2.5)
    arrays["vector"] = np.arange(3, dtype="f4")
    arrays["empty"] = np.zeros((0, 3), "f4")
    np.savez(HERE / "dtypes.npz", **arrays)
    np.savez_compressed(HERE / "dtypes-deflated.npz", **arrays)


def halves():
    bits = np.concatenate([np.arange(0, 65536, 97), [0x7C00, 0xFC00, 0x7E00, 0x8000, 1, 0x3FF, 0x400, 0x7BFF]])
    half = bits.astype("u2").view("f2")
    random = np.random.default_rng(0)
    normal = (half[np.isfinite(half)].astype("f4"))
    ties = (normal[:-1] + normal[1:]) / 2
    near = np.concatenate([np.arange(1, 200) * np.float32(2.0**-25), 1 + np.arange(200) * np.float32(2.0**-11)])
    wide = np.concatenate([ties, near, random.normal(size=200) * 10.0 ** random.uniform(-9, 6, 200), [65519, 65520, 1e30]])
    wide = wide.astype("f4")
    with np.errstate(over="ignore"):
        narrow = wide.astype("f2")
    np.savez_compressed(HERE / "halves.npz", half=half, as_float=half.astype("f4"), wide=wide, narrow=narrow.view("u2"))


def versions():
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(HERE / f"version-{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, counting("f4"), version=version)
    np.save(HERE / "objects.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(HERE / "records.npy", np.zeros(2, dtype=[("x", "f4"), ("y", "i4")]))
    np.save(HERE / "text.npy", np.array(["Hopper-v5"]))
    np.save(HERE / "complex.npy", np.zeros(2, "c8"))


# Two episodes of 3 and 2 steps; observation (10 e + t, -t) before step t of episode e, action t / 10, reward t + e.
LENGTHS = [3, 2]
OBS = [np.array([[10 * e + t, -t] for t in range(n + 1)], "f8") for e, n in enumerate(LENGTHS)]
ACTS = [np.array([[t / 10] for t in range(n)], "f4") for n in LENGTHS]
REWS = [np.array([t + e for t in range(n)], "f8") for e, n in enumerate(LENGTHS)]


def demonstrations():
    infos = [np.array([{"t": t} for t in range(n)]) for n in LENGTHS]
    dones = np.array([0, 0, 1, 0, 1], bool)
    np.savez_compressed(
        HERE / "imitation-trajectories.npz",
        obs=np.concatenate(OBS),
        acts=np.concatenate(ACTS),
        rews=np.concatenate(REWS),
        infos=np.concatenate(infos),
        terminal=np.array([True, False]),
        indices=np.cumsum(LENGTHS[:-1]),
    )
    np.savez_compressed(
        HERE / "imitation-transitions.npz",
        obs=np.concatenate([obs[:-1] for obs in OBS]),
        acts=np.concatenate(ACTS),
        infos=np.concatenate(infos),
        next_obs=np.concatenate([obs[1:] for obs in OBS]),
        dones=dones,
    )
    np.savez(
        HERE / "stable-baselines.npz",
        actions=np.concatenate(ACTS),
        obs=np.concatenate([obs[:-1] for obs in OBS]),
        rewards=np.concatenate(REWS),
        episode_returns=np.array([rews.sum() for rews in REWS]),
        episode_starts=np.array([1, 0, 0, 1, 0], bool),
    )
    np.savez_compressed(
        HERE / "plain.npz",
        observations=np.concatenate([obs[:-1] for obs in OBS]).astype("f4"),
        actions=np.concatenate(ACTS),
        rewards=np.concatenate(REWS).astype("f4"),
        dones=np.array([0, 0, 1, 0, 0], "f4"),
        timeouts=np.array([0, 0, 0, 0, 1], "f4"),
        final_observations=np.array([obs[-1] for obs in OBS], "f4"),
        metadata=np.frombuffer(b'{"env": "Counting-v0"}', "u1"),
    )


if __name__ == "__main__":
    print("numpy", np.__version__)
    dtypes()
    halves()
    versions()
    demonstrations()
