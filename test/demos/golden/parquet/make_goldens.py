"""Writes the Parquet fixtures in this folder with pyarrow: python3 make_goldens.py

The columns follow LeRobot (versions 2 and 3 of its data sets), the `imitation` library's Hugging Face exports and flat
tables of transitions; the numbers are counted up so that a reader can check them by eye.
"""

import json
import pathlib
import shutil

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent

# Two episodes of 3 and 2 steps; observation (10 e + t, -t) before step t of episode e, action t / 10, reward t + e.
LENGTHS = [3, 2]
STEPS = [(e, t) for e, n in enumerate(LENGTHS) for t in range(n)]


def observation(e, t):
    return [10.0 * e + t, 0.0 - t]


def lerobot(episodes):
    """Fixed-size lists of float32, as LeRobot's features of shape (n,) are stored."""
    steps = [(e, t) for e, t in STEPS if e in episodes]
    return pa.table(
        {
            "observation.state": pa.array([observation(e, t) for e, t in steps], pa.list_(pa.float32(), 2)),
            "action": pa.array([[t / 10] for _, t in steps], pa.list_(pa.float32(), 1)),
            "timestamp": pa.array([t / 50 for _, t in steps], pa.float32()),
            "frame_index": pa.array([t for _, t in steps], pa.int64()),
            "episode_index": pa.array([e for e, _ in steps], pa.int64()),
            "index": pa.array([STEPS.index(step) for step in steps], pa.int64()),
            "task_index": pa.array([0 for _ in steps], pa.int64()),
            "next.reward": pa.array([float(t + e) for e, t in steps], pa.float32()),
            "next.done": pa.array([t == LENGTHS[e] - 1 for e, t in steps], pa.bool_()),
        }
    )


def folder(name, info):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    (path / "data" / "chunk-000").mkdir(parents=True)
    (path / "meta").mkdir()
    (path / "meta" / "info.json").write_text(json.dumps(info))
    return path


def lerobot_folders():
    info = {"codebase_version": "v2.1", "robot_type": "counting", "total_episodes": 2, "total_frames": 5, "fps": 50}
    path = folder("lerobot-v2", info)
    for e in range(2):
        pq.write_table(lerobot([e]), path / "data" / "chunk-000" / f"episode_{e:06d}.parquet")
    path = folder("lerobot-v3", {**info, "codebase_version": "v3.0"})
    # A group of two rows ends inside an episode.
    pq.write_table(lerobot([0, 1]), path / "data" / "chunk-000" / "file-000.parquet", row_group_size=2, compression="zstd")
    (path / "meta" / "episodes" / "chunk-000").mkdir(parents=True)
    pq.write_table(pa.table({"episode_index": [0, 1], "length": LENGTHS}), path / "meta" / "episodes" / "chunk-000" / "file-000.parquet")


def imitation():
    """One row an episode; infos are jsonpickled text."""
    table = pa.table(
        {
            "obs": pa.array([[observation(e, t) for t in range(n + 1)] for e, n in enumerate(LENGTHS)], pa.list_(pa.list_(pa.float64()))),
            "acts": pa.array([[[t / 10] for t in range(n)] for n in LENGTHS], pa.list_(pa.list_(pa.float32()))),
            "infos": pa.array([["{}"] * n for n in LENGTHS], pa.list_(pa.string())),
            "terminal": pa.array([True, False]),
            "rews": pa.array([[float(t + e) for t in range(n)] for e, n in enumerate(LENGTHS)], pa.list_(pa.float64())),
        }
    )
    pq.write_table(table, HERE / "imitation.parquet", row_group_size=1)


def transitions(many):
    """A flat table in D4RL's names; `many` repeats the two episodes so that values fill several pages."""
    steps = STEPS * many
    return pa.table(
        {
            "observations": pa.array([observation(e, t) for e, t in steps], pa.list_(pa.float32())),
            "actions": pa.array([t / 10 for _, t in steps], pa.float64()),
            "rewards": pa.array([t + e for e, t in steps], pa.int32()),
            "next_observations": pa.array([observation(e, t + 1) for e, t in steps], pa.list_(pa.float32())),
            "terminals": pa.array([e == 0 and t == 2 for e, t in steps], pa.bool_()),
            "timeouts": pa.array([int(e == 1 and t == 1) for e, t in steps], pa.int8()),
        }
    )


def variants():
    flat = transitions(1)
    pq.write_table(flat, HERE / "transitions.parquet")
    pq.write_table(flat.slice(0, 0), HERE / "transitions-empty.parquet")
    long = transitions(24)
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pq.write_table(long, HERE / f"transitions-{codec}.parquet", compression=codec, data_page_size=128, write_batch_size=7)
    plain = {"use_dictionary": False, "compression": "none", "row_group_size": 77}
    pq.write_table(long, HERE / "transitions-plain.parquet", data_page_size=128, write_batch_size=7, **plain)
    pq.write_table(long, HERE / "transitions-pages-2.parquet", data_page_version="2.0", data_page_size=128, write_batch_size=7, row_group_size=53)
    pq.write_table(long, HERE / "transitions-delta.parquet", use_dictionary=False, column_encoding={"rewards": "DELTA_BINARY_PACKED"})


def refused():
    good = transitions(1)
    def replaced(name, column):
        return good.set_column(good.schema.get_field_index(name), name, column)
    ragged = pa.array([[0.0, 1.0], [1.0], [2.0, 1.0, 2.0], [3.0, 4.0], [3.0, 4.0]], pa.list_(pa.float32()))
    pq.write_table(replaced("observations", ragged), HERE / "ragged.parquet")
    missing = pa.array([[0.0, 1.0], [1.0, None], [2.0, 1.0], [3.0, 4.0], [3.0, 4.0]], pa.list_(pa.float32()))
    pq.write_table(replaced("observations", missing), HERE / "missing.parquet")
    pq.write_table(replaced("actions", pa.array(list("abcde"))), HERE / "text.parquet")


if __name__ == "__main__":
    print("pyarrow", pa.__version__)
    lerobot_folders()
    imitation()
    variants()
    refused()
