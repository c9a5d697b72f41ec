"""Small ONNX models and what numpy computes for them.

    python3 make-models.py && npx prettier --write golden.json

needs `onnx` (1.23.2) and numpy; writes *.onnx and golden.json beside this file. Weights come from a fixed seed.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
F32 = np.float32


def save(name, nodes, inputs, outputs, tensors):
    value = lambda entry: helper.make_tensor_value_info(*entry)
    graph = helper.make_graph(
        nodes,
        name,
        [value(entry) for entry in inputs],
        [value(entry) for entry in outputs],
        [numpy_helper.from_array(array, key) for key, array in tensors.items()],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, producer_name="make-models.py", ir_version=8, opset_imports=[opset])
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / f"{name}.onnx")


def dense(rng, inputs, outputs):
    return rng.standard_normal((outputs, inputs)).astype(F32), rng.standard_normal(outputs).astype(F32)


def network(rng):
    """tanh and ReLU layers, then the output clipped to [-1, 1], as SB3 exports a PPO actor for Point(3) -> 2."""
    (w1, b1), (w2, b2), (w3, b3) = dense(rng, 3, 5), dense(rng, 5, 4), dense(rng, 4, 2)
    w3 *= F32(0.5)
    tensors = {"w1": w1, "b1": b1, "w2": w2, "b2": b2, "w3": w3, "b3": b3, "low": F32(-1), "high": F32(1)}
    node = helper.make_node
    nodes = [
        node("Gemm", ["obs", "w1", "b1"], ["z1"], transB=1),
        node("Tanh", ["z1"], ["h1"]),
        node("Gemm", ["h1", "w2", "b2"], ["z2"], transB=1),
        node("Relu", ["z2"], ["h2"]),
        node("Gemm", ["h2", "w3", "b3"], ["z3"], transB=1),
        node("Clip", ["z3", "low", "high"], ["action"]),
    ]

    def compute(observation):
        """The action, and how far off any order of summation in float32 may be (Higham 2002, 3.1)."""
        unit = 2.0**-24
        x, bound = np.asarray(observation, dtype=np.float64), np.zeros(3)
        for weight, bias, after in [(w1, b1, np.tanh), (w2, b2, lambda z: np.maximum(z, 0)), (w3, b3, lambda z: z)]:
            size = np.abs(weight).astype(np.float64)
            bound = size @ bound + (x.size + 1) * unit * (size @ (np.abs(x) + bound) + np.abs(bias))
            x = after(weight.astype(np.float64) @ x + bias)
            bound += 4 * unit * np.abs(x)  # two ulp of tanh
        return np.clip(x, -1, 1), bound

    return nodes, {key: np.asarray(array) for key, array in tensors.items()}, compute


def main():
    rng = np.random.default_rng(20261126)
    nodes, tensors, compute = network(rng)
    row = ["batch", 3]
    float_, double, int64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64
    node = helper.make_node

    save("clipped", nodes, [("obs", float_, row)], [("action", float_, ["batch", 2])], tensors)
    # The value of a state beside the action, and first.
    value = [node("ReduceSum", ["h2"], ["value"], keepdims=0)]
    save(
        "with-value",
        nodes + value,
        [("obs", float_, [1, 3])],
        [("value", float_, []), ("action", float_, [1, 2])],
        tensors,
    )
    anonymous = nodes[:-1] + [node("Clip", ["z3", "low", "high"], ["first"]), node("Neg", ["first"], ["second"])]
    save(
        "two-outputs",
        anonymous,
        [("obs", float_, row)],
        [("first", float_, ["batch", 2]), ("second", float_, ["batch", 2])],
        tensors,
    )
    # One observation without a batch.
    flat = {"w": tensors["w1"][:2], "b": tensors["b1"][:2]}
    save(
        "vector",
        [node("MatMul", ["w", "obs"], ["y"]), node("Add", ["y", "b"], ["mean"])],
        [("obs", float_, [3])],
        [("mean", float_, [2])],
        flat,
    )
    # Shapes that say nothing before the model has run; the output turns out to have 3 numbers.
    save("open", [node("Tanh", ["obs"], ["action"])], [("obs", float_, ["n", "m"])], [("action", float_, ["n", "m"])], {})
    save(
        "recurrent",
        [node("Add", ["obs", "state"], ["action"])],
        [("obs", float_, [1, 2]), ("state", float_, [1, 2])],
        [("action", float_, [1, 2])],
        {},
    )
    save("double", [node("Neg", ["obs"], ["action"])], [("obs", double, [1, 2])], [("action", double, [1, 2])], {})

    # CartPole: push to the side to which the pole leans and turns. Logits -s and s, and the index of the larger.
    feedback = np.array([[0.1, 0.3, 1, 1]], dtype=F32)
    logits = np.concatenate([-feedback, feedback])
    cart = [("obs", float_, ["batch", 4])]
    gemm = node("Gemm", ["obs", "w"], ["logits"], transB=1)
    save("cart-pole-logits", [gemm], cart, [("logits", float_, ["batch", 2])], {"w": logits})
    choose = node("ArgMax", ["logits"], ["action"], axis=1, keepdims=0)
    save("cart-pole-index", [gemm, choose], cart, [("action", int64, ["batch"])], {"w": logits})
    # An index that CartPole does not have: 2.
    beyond = node("Add", ["index", "two"], ["action"])
    index = node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0)
    two = {"w": logits, "two": np.asarray(2, dtype=np.int64)}
    save("index-beyond", [gemm, index, beyond], cart, [("action", int64, ["batch"])], two)

    observations = np.round(rng.standard_normal((8, 3)) * 1.5, 3)
    golden = {
        "source": "make-models.py, numpy in float64",
        "clipped": [
            dict(zip(["observation", "action", "bound"], [row.tolist(), *map(np.ndarray.tolist, compute(row.astype(F32)))]))
            for row in observations
        ],
        "vector": {"w": flat["w"].tolist(), "b": flat["b"].tolist()},
    }
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
