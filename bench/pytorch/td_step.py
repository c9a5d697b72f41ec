"""A sampled step of neural soft Q-learning in NumPy and in PyTorch, for comparison with bench/neural-soft-q.ts.

f(x; W) = m^(-1/2) sum_j b_j relu(W_j . x), W held by columns, [d, m]. A step takes the values of all actions of s', the
residual f(x) - r - discount log sum_a exp f(x_a), moves W against its gradient, projects it onto the ball around W(0) and
adds it to the running sum of the iterates. Rows x are one-hot (a pair's number) or have n entries. Two styles:

dense    the formulas over whole matrices: W - W(0), its norm, the projection and the sum take d m operations each.
columns  what a step does not touch is left alone, as in our kernels: W stands for W(0) + c (W - W(0)), the sum of the
         iterates is h (W - W(0)) - Z, values of one-hot rows are kept until c changes, the distance from W(0) is followed
         only where the length of the path does not rule a projection out, and actions that share no column are multiplied
         without the zeros between them.

Weights, rewards, and the chain that the steps follow are random; one thread.

    python td_step.py --check
        holds the two styles, and the two libraries, against each other
    python td_step.py --serve
        answers requests, one JSON object a line (see td-step-client.ts)
"""

import argparse
import json
import math
import os
import sys
import time

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read at import

import numpy as np
import torch

BATCH, DISCOUNT = 256, 0.9
WARM_UP_STEPS = 20


class NumpyArrays:
    """What the two libraries call differently; arrays are float32."""

    array = staticmethod(lambda x: np.ascontiguousarray(x, dtype=np.float32))
    indices = staticmethod(np.ascontiguousarray)
    norm = staticmethod(lambda x: float(np.linalg.norm(x)))
    square_sum = staticmethod(lambda x: float(np.dot(x.ravel(), x.ravel())))
    relu = staticmethod(lambda x: np.maximum(x, 0))


class TorchArrays:
    array = staticmethod(lambda x: torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32).copy()))
    indices = staticmethod(lambda x: torch.from_numpy(np.ascontiguousarray(x)))
    norm = staticmethod(lambda x: float(torch.linalg.vector_norm(x)))
    square_sum = staticmethod(lambda x: float(torch.dot(x.reshape(-1), x.reshape(-1))))
    relu = staticmethod(torch.relu)


LIBRARIES = {"numpy": NumpyArrays, "torch": TorchArrays}


def log_sum_exp(values):
    largest = max(values)
    return largest + math.log(sum(math.exp(value - largest) for value in values))


class Problem:
    """Rewards and a chain: the row of a step belongs to the state that the step before led to."""

    def __init__(self, xp, kind, width, features, entries, actions, reward):
        rng = np.random.default_rng(1)
        self.one_hot = kind == "one-hot"
        self.rewards = (reward + rng.standard_normal(BATCH)).tolist()
        self.weights = rng.standard_normal((features, width)) / math.sqrt(features)
        self.signs = rng.choice([-1.0, 1.0], width)
        chosen = rng.integers(actions, size=BATCH)
        if self.one_hot:
            states = rng.integers(features // actions, size=BATCH + 1)
            self.rows = (states[:-1] * actions + chosen).tolist()
            self.next = (states[1:] * actions).tolist()
            self.actions = actions
            return
        values = rng.standard_normal((BATCH + 1, entries))
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        if kind == "product":
            indices = np.arange(actions * entries).reshape(actions, entries)
        else:
            shared = np.tile(np.arange(entries - 1), (actions, 1))
            indices = np.concatenate([shared, entries - 1 + np.arange(actions)[:, None]], axis=1)
        self.columns = [xp.indices(indices[a]) for a in chosen]
        self.values = [xp.array(x) for x in values[:-1]]
        self.blocks = (actions, entries, width) if kind == "product" else None
        self.next_values = [xp.array(x) for x in values[1:]]
        # The rows of all actions as one matrix over all columns.
        coded = np.zeros((BATCH, actions, features))
        for a in range(actions):
            coded[:, a, indices[a]] = values[1:]
        self.next_rows = [xp.array(x) for x in coded]


class Learner:
    """State that both styles have."""

    def __init__(self, xp, problem, width, step_size, radius, averaged):
        self.xp, self.problem, self.averaged = xp, problem, averaged
        self.w = xp.array(problem.weights)
        self.w0 = xp.array(problem.weights)
        self.b = xp.array(problem.signs)
        self.scale = 1 / math.sqrt(width)
        self.scaled = self.b * self.scale
        self.eta, self.radius, self.t = step_size, radius, 0
        self.steps = 0

    def target(self, t, values):
        return self.problem.rewards[t] + DISCOUNT * log_sum_exp(values)

    def step(self):
        t = self.t
        self.t = (t + 1) % BATCH
        self.steps += 1
        if self.problem.one_hot:
            self.pair_step(t)
        else:
            self.row_step(t)


class DenseLearner(Learner):
    def __init__(self, *args):
        super().__init__(*args)
        if self.averaged:
            self.sum = self.w * 0

    def pair_step(self, t):
        i, first = self.problem.rows[t], self.problem.next[t]
        next_values = self.xp.relu(self.w[first : first + self.problem.actions]) @ self.scaled
        row = self.w[i]
        value = float(self.xp.relu(row) @ self.scaled)
        residual = value - self.target(t, next_values.tolist())
        row -= (self.eta * residual) * (self.scaled * (row > 0))
        self.close()

    def row_step(self, t):
        # A row of zeros with n entries, as the feature matrix of a dense program has it.
        problem = self.problem
        next_values = self.xp.relu(problem.next_rows[t] @ self.w) @ self.scaled
        columns, x = problem.columns[t], problem.values[t]
        hidden = x @ self.w[columns]
        value = float(self.xp.relu(hidden) @ self.scaled)
        residual = value - self.target(t, next_values.tolist())
        self.w[columns] -= (self.eta * residual) * (x[:, None] * (self.scaled * (hidden > 0)))
        self.close()

    def close(self):
        travel = self.w - self.w0
        norm = self.xp.norm(travel)
        if norm > self.radius:
            self.w = self.w0 + (self.radius / norm) * travel
        if self.averaged:
            self.sum += self.w

    def mean(self):
        return self.sum / self.steps


class ColumnsLearner(Learner):
    def __init__(self, *args):
        super().__init__(*args)
        self.z = self.w * 0 if self.averaged else None
        self.c, self.h, self.squares, self.path = 1.0, 0.0, 0.0, 0.0
        self.kept = {}

    def effective(self, part):
        if self.c == 1:
            return self.w[part]
        return self.w0[part] + self.c * (self.w[part] - self.w0[part])

    def pair_values(self, first, count):
        values = [self.kept.get(i) for i in range(first, first + count)]
        if None in values:
            values = (self.xp.relu(self.effective(slice(first, first + count))) @ self.scaled).tolist()
            self.kept.update(zip(range(first, first + count), values))
        return values

    def pair_step(self, t):
        i, first = self.problem.rows[t], self.problem.next[t]
        next_values = self.pair_values(first, self.problem.actions)
        residual = self.pair_values(i, 1)[0] - self.target(t, next_values)
        row = self.w[i]
        change = (-self.eta * residual / self.c) * (self.scaled * (self.effective(i) > 0))
        if not self.stays_inside(abs(self.eta * residual)):
            self.squares += 2 * float((row - self.w0[i]) @ change) + float(change @ change)
        row += change
        if self.averaged:
            self.z[i] += self.h * change
        self.kept.pop(i)
        self.close()

    def row_step(self, t):
        problem = self.problem
        weights = self.w if self.c == 1 else self.effective(slice(None))
        if problem.blocks:
            hidden = problem.next_values[t] @ weights.reshape(problem.blocks)
        else:
            hidden = problem.next_rows[t] @ weights
        next_values = (self.xp.relu(hidden) @ self.scaled).tolist()
        columns, x = problem.columns[t], problem.values[t]
        hidden = x @ weights[columns]
        residual = float(self.xp.relu(hidden) @ self.scaled) - self.target(t, next_values)
        change = x[:, None] * ((-self.eta * residual / self.c) * (self.scaled * (hidden > 0)))
        if not self.stays_inside(abs(self.eta * residual)):
            travel = self.w[columns] - self.w0[columns]
            self.squares += 2 * float((travel * change).sum()) + self.xp.square_sum(change)
        self.w[columns] += change
        if self.averaged:
            self.z[columns] += self.h * change
        self.close()

    def stays_inside(self, length):
        if self.path is None:
            return False
        self.path += length
        if math.sqrt(self.squares) + self.path < self.radius:
            return True
        self.squares, self.path = self.xp.square_sum(self.w - self.w0), None
        return False

    def close(self):
        norm = self.c * math.sqrt(max(self.squares, 0))
        if self.path is None and norm > self.radius:
            self.c *= self.radius / norm
            self.kept.clear()
        self.h += self.c
        if self.c < 1e-3:
            self.multiply_out()

    def multiply_out(self):
        travel = self.w - self.w0
        if self.averaged:
            self.z -= self.h * travel
        self.w = self.w0 + self.c * travel
        self.squares *= self.c**2
        self.c, self.h = 1.0, 0.0
        self.kept.clear()

    def mean(self):
        return self.w0 + (self.h * (self.w - self.w0) - self.z) / self.steps


STYLES = {"dense": DenseLearner, "columns": ColumnsLearner}


def make_learner(library, style, kind, width, features, entries, actions, averaged, stepSize, radius, reward):
    xp = LIBRARIES[library]
    problem = Problem(xp, kind, width, features, entries, actions, reward)
    return STYLES[style](xp, problem, width, stepSize, radius, averaged)


NAMES = "library style kind width features entries actions averaged stepSize radius reward".split()


class Bench:
    def __init__(self):
        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        self.learners = {}

    def answer(self, request):
        if request.get("forget"):
            self.learners.clear()
            return {}
        which = {name: request[name] for name in NAMES}
        key = tuple(which.values())
        if key not in self.learners:
            self.learners[key] = make_learner(**which)
            for _ in range(WARM_UP_STEPS):
                self.learners[key].step()
        learner, steps = self.learners[key], request["steps"]
        return {"seconds": min(self.measure(learner, steps) for _ in range(request["slices"]))}

    @staticmethod
    def measure(learner, steps):
        start = time.perf_counter()
        for _ in range(steps):
            learner.step()
        return (time.perf_counter() - start) / steps


def check():
    """Means of 300 iterates of both styles and libraries, all with the same numbers."""
    torch.set_grad_enabled(False)
    for kind, features, entries in [("one-hot", 24, 1), ("concatenation", 8, 6), ("product", 18, 6)]:
        for step_size, radius, reward in [(0.05, 1e6, 0), (0.05, 0.5, 2)]:
            means = {}
            for library in LIBRARIES:
                for style in STYLES:
                    learner = make_learner(
                        library, style, kind, 32, features, entries, 3, True, step_size, radius, reward
                    )
                    for _ in range(300):
                        learner.step()
                    means[library, style] = np.asarray(learner.mean())
            reference = means["numpy", "dense"]
            worst = max(float(np.abs(mean - reference).max()) for mean in means.values())
            moved = float(np.abs(reference - np.asarray(learner.w0)).max())
            print(f"{kind}, radius {radius}: means differ by {worst:.1e} at most, moved by {moved:.1e}")
            if not worst < 1e-4 * max(1, moved):
                sys.exit("the styles disagree")


def serve():
    bench = Bench()
    print(json.dumps({"numpy": np.__version__, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(bench.answer(json.loads(line))), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Times a step of neural soft Q-learning in NumPy and PyTorch.")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.serve:
        serve()
    elif options.check:
        check()
    else:
        parser.error("--check or --serve")


if __name__ == "__main__":
    main()
