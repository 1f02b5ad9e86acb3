"""The work of `callimico train` in PyTorch on the processor, to compare the speed with.

    pip install torch==2.15.0 numpy==2.4.6
    python benches/train_torch.py --data FILE.npz

trains 600 networks Linear(d, h)-Tanh-Linear(h, c), 200 in each of three scenarios. Our trainer does the same work with

    time callimico train --dataset FILE.npz --out DIR --seed 1 --threads 2 --hidden 24 --training 2000 \\
        --models 100,50,50 --batch 128 --epochs 40 --dp-epochs 30 --rate 0.1 --momentum 0.9

FILE.npz has x [N, ...] and y [N], with N at least 2,100 (of these 100 for our trainer's non-members). --noise takes the
noise multipliers of our trainer's report, by default those of epsilon 10 and 4 at these sizes; they have no effect on
the speed. Options that are not named have the same defaults on both sides.

The first scenario is plain: stochastic gradient descent with momentum, every model on rows and batches of its own. The
others are DP-SGD, one for each of --noise: ceil(epochs x rows / batch) steps on Poisson samples of each model's own,
every record's gradient clipped to --clip, Gaussian noise added, momentum. What is left out here is in PyTorch's favour:
no files are written, and reading the data and starting Python and PyTorch are not counted. `train_cpu_seconds` is
training alone and `evaluate_cpu_seconds` the accuracies of all models on all rows; our trainer's time has both.

Two ways to the gradients:
  manual  (default, the faster) matrix products batched over models, with the two layers' derivatives written out. The
          norm of a record's gradient comes from its activations and deltas (Goodfellow 2015, arXiv:1510.01799; "ghost
          clipping" in Li et al. 2022, arXiv:2110.05679), so that no gradient of a single record is ever in memory.
  func    torch.func: vmap over models, and for DP-SGD over records too, of grad of functional_call. What PyTorch's
          documentation shows for ensembles and for per-sample gradients.
Both are first compared with each other on a few steps (`check`); --check ends there.

The threads are processes of one thread, each with a share of every scenario's models, because the operations are too
small to be shared among threads; models are trained --chunk at a time, so that a batch stays in the cache. Tried and
slower or no faster: PyTorch's own threads, other chunks from 4 to 100, torch.compile of the derivatives.

Made with Python 3.11. Prints JSON.
"""

import argparse
import json
import math
import multiprocessing
import resource
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import functional_call, grad, stack_module_state, vmap


@dataclass
class Data:
    """Records `x` [N, d + 1], whose last column is 1 for the bias, labels `y` [N], and |x|^2 [N] with that column."""

    x: torch.Tensor
    y: torch.Tensor
    square: torch.Tensor
    classes: int


def load(path):
    """Reads x [N, ...] and y [N]. Bytes become 0 .. 1."""
    with np.load(path) as file:
        x, y = file["x"], file["y"]
    scale = 255 if x.dtype == np.uint8 and x.max() > 16 else 1
    x = torch.tensor(x.reshape(len(x), -1).astype(np.float32) / scale)
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    return Data(x, torch.tensor(y.astype(np.int64)), (x * x).sum(1), int(y.max()) + 1)


class Stack:
    """The weights of M models: `first` [M, d + 1, h] with the bias as last row, `second` [M, h, c], `bias` [M, c]."""

    def __init__(self, first, second, bias):
        self.parts = [first, second, bias]

    @classmethod
    def draw(cls, models, inputs, hidden, classes):
        """Starting weights as torch.nn.Linear draws them: uniform in +-1/sqrt(inputs of the layer)."""
        uniform = lambda *shape, fan: torch.empty(shape).uniform_(-1 / math.sqrt(fan), 1 / math.sqrt(fan))
        first = uniform(models, inputs + 1, hidden, fan=inputs)
        return cls(first, uniform(models, hidden, classes, fan=hidden), uniform(models, classes, fan=hidden))

    def zeros(self):
        """As many zeros: a momentum to start with."""
        return Stack(*(torch.zeros_like(part) for part in self.parts))

    def logits(self, x):
        """Activations [M, B, h] and logits [M, B, c] of x [M, B, d + 1]."""
        first, second, bias = self.parts
        # tanh(x) = 2 / (1 + exp(-2 x)) - 1: here PyTorch's sigmoid takes a quarter of the time of its tanh.
        hidden = torch.bmm(x, first).mul_(2).sigmoid_().mul_(2).sub_(1)
        return hidden, torch.baddbmm(bias.unsqueeze(1), hidden, second)


def deltas(weights, x, labels):
    """Activations and the derivatives of each record's cross-entropy by the inputs of tanh and by the logits."""
    hidden, logits = weights.logits(x)
    outer = torch.softmax(logits, dim=2)
    outer.scatter_add_(2, labels.unsqueeze(2), torch.full((1, 1, 1), -1.0).expand(*labels.shape, 1))
    inner = torch.bmm(outer, weights.parts[1].transpose(1, 2))
    # d * (1 - hidden^2) in one pass.
    return hidden, torch.ops.aten.tanh_backward(inner, hidden), outer


def clip_factors(square, hidden, inner, outer, clip):
    """min(1, clip / norm) [M, B] of each record's gradient: a layer's is input x delta, so its norm is a product."""
    norm = square * (inner * inner).sum(2)
    norm += ((hidden * hidden).sum(2) + 1) * (outer * outer).sum(2)
    return norm.rsqrt_().mul_(clip).clamp_(max=1)


def add_gradient(sums, keep, x, hidden, inner, outer):
    """sums <- keep sums + gradient: the momentum costs no pass of its own."""
    first, second, bias = sums.parts
    first.baddbmm_(x.transpose(1, 2), inner, beta=keep)
    second.baddbmm_(hidden.transpose(1, 2), outer, beta=keep)
    bias.mul_(keep).add_(outer.sum(1))


class Manual:
    """Momentum steps with the derivatives written out."""

    def __init__(self, weights):
        self.weights, self.velocity = weights, weights.zeros()

    def plain(self, data, rows, settings):
        """A step on the mean gradient of `rows` [M, B]."""
        x = gather(data.x, rows)
        hidden, inner, outer = deltas(self.weights, x, data.y[rows])
        # Scaling the small deltas is cheaper than scaling the gradient.
        inner /= rows.shape[1]
        outer /= rows.shape[1]
        add_gradient(self.velocity, settings.momentum, x, hidden, inner, outer)
        self.step(settings.rate)

    def private(self, data, rows, taken, noise, settings):
        """A step on clipped gradients: of `rows` [M, B], those `taken` [M, B] (1 or 0) are in the sample."""
        x = gather(data.x, rows)
        hidden, inner, outer = deltas(self.weights, x, data.y[rows])
        factors = clip_factors(data.square[rows], hidden, inner, outer, settings.clip)
        factors = factors.mul_(taken).div_(settings.batch).unsqueeze(2)
        add_gradient(self.velocity, settings.momentum, x, hidden, inner.mul_(factors), outer.mul_(factors))
        for part in self.velocity.parts:
            part.add_(torch.randn_like(part), alpha=noise * settings.clip / settings.batch)
        self.step(settings.dp_rate)

    def step(self, rate):
        for weight, velocity in zip(self.weights.parts, self.velocity.parts):
            weight.add_(velocity, alpha=-rate)

    def stack(self):
        return self.weights


class Func:
    """Momentum steps with the derivatives by torch.func."""

    def __init__(self, weights):
        first, second, bias = weights.parts
        models, inputs, hidden, classes = len(first), first.shape[1] - 1, first.shape[2], second.shape[2]
        layers = lambda: [torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, classes)]
        nets = [torch.nn.Sequential(*layers()) for _ in range(models)]
        self.net = nets[0]
        parameters, _ = stack_module_state(nets)
        self.names = list(parameters)
        start = [first[:, :-1].transpose(1, 2), first[:, -1], second.transpose(1, 2), bias]
        self.weights = {name: part.clone().contiguous() for name, part in zip(self.names, start)}
        self.velocity = {name: torch.zeros_like(part) for name, part in self.weights.items()}
        self.mean_gradients = vmap(grad(self.loss))
        self.record_gradients = vmap(vmap(grad(self.record_loss), in_dims=(None, 0, 0)))

    def loss(self, weights, x, y):
        return torch.nn.functional.cross_entropy(functional_call(self.net, weights, (x,)), y)

    def record_loss(self, weights, x, y):
        return self.loss(weights, x.unsqueeze(0), y.unsqueeze(0))

    def plain(self, data, rows, settings):
        """As Manual.plain."""
        gradients = self.mean_gradients(self.weights, gather(data.x, rows)[..., :-1], data.y[rows])
        self.step(gradients, settings.momentum, settings.rate)

    def private(self, data, rows, taken, noise, settings):
        """As Manual.private."""
        gradients = self.record_gradients(self.weights, gather(data.x, rows)[..., :-1], data.y[rows])
        square = sum(torch.linalg.vector_norm(part.flatten(2), dim=2).square() for part in gradients.values())
        factors = square.rsqrt().mul_(settings.clip).clamp_(max=1) * taken / settings.batch
        noise = noise * settings.clip / settings.batch
        sums = {}
        for name, part in gradients.items():
            sums[name] = torch.bmm(factors.unsqueeze(1), part.flatten(2)).view_as(self.weights[name])
            sums[name].add_(torch.randn_like(sums[name]), alpha=noise)
        self.step(sums, settings.momentum, settings.dp_rate)

    def step(self, gradients, momentum, rate):
        for name in self.names:
            self.velocity[name].mul_(momentum).add_(gradients[name])
            self.weights[name].add_(self.velocity[name], alpha=-rate)

    def stack(self):
        first, first_bias, second, bias = (self.weights[name] for name in self.names)
        return Stack(torch.cat([first.transpose(1, 2), first_bias.unsqueeze(1)], 1), second.transpose(1, 2), bias)


METHODS = {"manual": Manual, "func": Func}


def gather(x, rows):
    """x[rows] as [M, B, d + 1]; index_select copies whole rows and is faster than indexing."""
    return x.index_select(0, rows.flatten()).view(*rows.shape, -1)


def shuffled(models, rows):
    """A random order of `rows` for each model, [M, rows]."""
    return torch.stack([torch.randperm(rows) for _ in range(models)])


def poisson_sample(models, rows, rate):
    """Each of `rows` with probability `rate`: positions [M, K] and 1 or 0 [M, K], 0 where K is more than a model has.

    The distance to the next one taken is geometric, so a draw is needed for each one taken and not for each row.
    """
    if rate >= 1:
        return torch.arange(rows).expand(models, rows), torch.ones(models, rows)
    mean = rows * rate
    # Seven standard deviations above the mean: hardly any sample is larger, and such a one is cut.
    draws = min(int(mean + 7 * math.sqrt(mean) + 10), rows)
    # floor(ln(1 - u) / ln(1 - rate)) others stand before the next one taken.
    gaps = torch.rand(models, draws).neg_().log1p_().div_(math.log1p(-rate)).floor_()
    positions = gaps.add_(1).cumsum_(1).sub_(1)
    taken = positions < rows
    most = max(int(taken.sum(1).max()), 1)
    return positions[:, :most].clamp_(max=rows - 1).long(), taken[:, :most].float()


def train_chunk(data, models, noise, settings):
    """Trains `models` networks, plain where `noise` is None. Gives the weights and the rows trained on [M, n]."""
    count = settings.training
    members = shuffled(models, len(data.y))[:, :count]
    method = METHODS[settings.method](Stack.draw(models, data.x.shape[1] - 1, settings.hidden, data.classes))
    if noise is None:
        for _ in range(settings.epochs):
            order = members.gather(1, shuffled(models, count))
            for rows in order.split(settings.batch, dim=1):
                method.plain(data, rows, settings)
    else:
        for _ in range(math.ceil(settings.dp_epochs * count / settings.batch)):
            positions, taken = poisson_sample(models, count, settings.batch / count)
            method.private(data, members.gather(1, positions), taken, noise, settings)
    return method.stack(), members


def accuracies(data, weights, members):
    """[M, 2]: the share of rows classified rightly, among those trained on and among the others."""
    models, count = len(members), len(data.y)
    trained = torch.zeros(models, count, dtype=torch.bool).scatter_(1, members, True)
    _, logits = weights.logits(data.x.expand(models, -1, -1))
    right = logits.argmax(2) == data.y
    shares = [(right & mask).sum(1) / mask.sum(1) for mask in (trained, ~trained)]
    return torch.stack(shares, dim=1)


def work(data, share, scenario, noise, settings, number):
    """Trains one process's share of a scenario. Gives the times and the accuracies."""
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed * 1_000_003 + scenario * 1_009 + number)
    spent = np.zeros(2)
    found = []
    for begin in range(0, share, settings.chunk):
        start = time.process_time()
        weights, members = train_chunk(data, min(settings.chunk, share - begin), noise, settings)
        middle = time.process_time()
        found.append(accuracies(data, weights, members))
        spent += middle - start, time.process_time() - middle
    return spent, torch.cat(found).numpy()


def child(pipe, *arguments):
    pipe.send(work(*arguments))
    pipe.close()


def run_scenario(data, models, scenario, noise, settings):
    """Trains a scenario on --threads processes and gives what is printed about it."""
    # Forked, so that no process reads the data or loads PyTorch anew; this one never starts threads itself.
    context = multiprocessing.get_context("fork")
    shares = [models // settings.threads + (number < models % settings.threads) for number in range(settings.threads)]
    wall = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pipes, processes = [], []
    for number, share in enumerate(shares):
        if share:
            receiver, sender = context.Pipe(duplex=False)
            arguments = (sender, data, share, scenario, noise, settings, number)
            processes.append(context.Process(target=child, args=arguments))
            processes[-1].start()
            # Else an end of the pipe stays open here and a child that dies would be waited for without end.
            sender.close()
            pipes.append(receiver)
    parts = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    train, evaluate = sum(spent for spent, _ in parts)
    shares = np.concatenate([found for _, found in parts])
    return {
        "models": models,
        "noise_multiplier": noise,
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 3),
        "train_cpu_seconds": round(train, 3),
        "evaluate_cpu_seconds": round(evaluate, 3),
        "accuracy_trained": round(float(shares[:, 0].mean()), 4),
        "accuracy_others": round(float(shares[:, 1].mean()), 4),
    }


def check(data, settings):
    """The largest difference between the two methods' weights after a few steps from the same start, noise left out."""
    torch.set_num_threads(1)
    worst = {}
    for kind in ("plain", "private"):
        start = Stack.draw(3, data.x.shape[1] - 1, settings.hidden, data.classes)
        methods = [make(Stack(*(part.clone() for part in start.parts))) for make in METHODS.values()]
        for _ in range(5):
            positions, taken = poisson_sample(3, len(data.y), settings.batch / len(data.y))
            for method in methods:
                if kind == "plain":
                    method.plain(data, positions, settings)
                else:
                    method.private(data, positions, taken, 0.0, settings)
        one, other = (method.stack().parts for method in methods)
        moved = max(float((a - b).abs().max()) for a, b in zip(one, start.parts))
        worst[kind] = {"difference": max(float((a - b).abs().max()) for a, b in zip(one, other)), "moved": moved}
    return worst


def arguments_of(parser):
    parser.add_argument("--data", required=True)
    parser.add_argument("--hidden", type=int, default=24)
    parser.add_argument("--training", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--dp-epochs", type=int, default=30)
    parser.add_argument("--models", type=int, nargs="+", default=[200, 200, 200])
    parser.add_argument("--noise", type=float, nargs="*", default=[0.97825, 1.7089])
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--dp-rate", type=float, default=0.1)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=20)
    parser.add_argument("--method", choices=list(METHODS), default="manual")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    settings = parser.parse_args()
    if len(settings.models) != len(settings.noise) + 1:
        parser.error("--models needs one number more than --noise: the first scenario has no noise")
    if min(settings.models) < 1 or settings.threads < 1 or settings.chunk < 1:
        parser.error("--models, --threads and --chunk are 1 or more")
    return settings


def main():
    settings = arguments_of(argparse.ArgumentParser(description=__doc__.split("\n")[0]))
    torch.set_grad_enabled(False)
    data = load(settings.data)
    if not settings.batch <= settings.training < len(data.y):
        raise SystemExit(f"--training is at least --batch and below the {len(data.y)} rows of the data")
    # Every run begins with it: PyTorch loads much at the first call, which would else be counted in each process.
    compared = check(data, settings)
    if settings.check:
        print(json.dumps(compared))
        return
    report = []
    for scenario, (models, noise) in enumerate(zip(settings.models, [None, *settings.noise])):
        report.append(run_scenario(data, models, scenario, noise, settings))
    total = {key: round(sum(part[key] for part in report), 3) for key in ("wall_seconds", "cpu_seconds")}
    versions = {"torch": torch.__version__, "method": settings.method, "threads": settings.threads}
    print(json.dumps({"scenarios": report, "total": total, **versions, "check": compared}, indent=1))


if __name__ == "__main__":
    main()
