"""The work of `callimico lira` in Python, to compare the speed with.

    pip install numpy==2.4.6 onnxruntime==1.32.0
    python benches/lira_python.py DIR --out ZIP [--threads N] [--workers N] [--batch N] [--tuned]

DIR is a track whose challenge.npz hold x, y and idx; a participant's copy is enough. Our program does the same work with

    time callimico lira --data DIR --out ZIP --no-cache --attack online --variance fixed

and without the last four words tries six attacks and takes the best, on each scenario. Here it is one: online LiRA (Carlini
et al. 2022) with one variance for each side, the train models as shadow models, every unique record asked once.

ONNX Runtime runs the models and NumPy does the rest. Without options as both come: one model at a time, all of its
records at once, and as many threads as ONNX Runtime likes. --workers runs models side by side, --threads is for each,
--batch cuts the records. --tuned is what was found fastest on two cores: two workers of one thread, batches of 256.
Prints the seconds of each stage and the most memory at once.
"""

import time

START = time.perf_counter()

import argparse
import resource
import zipfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import onnxruntime

TUNED = {"threads": 1, "workers": 2, "batch": 256}
SECONDS = {"start": time.perf_counter() - START}


class Stage:
    """Adds what a block takes to SECONDS."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.begin = time.perf_counter()

    def __exit__(self, *_):
        SECONDS[self.name] = SECONDS.get(self.name, 0.0) + time.perf_counter() - self.begin


def models_of(folder):
    """The folders of a split's models, by number."""
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: int(path.name.split("_")[-1]))


def phi_of(model, x, y, settings):
    """phi [rows] of one model: the logit of the class less the logarithm of the others' sum of exponentials."""
    options = onnxruntime.SessionOptions()
    if settings["threads"]:
        options.intra_op_num_threads = settings["threads"]
    session = onnxruntime.InferenceSession(str(model / "model.onnx"), options, providers=["CPUExecutionProvider"])
    name, step = session.get_inputs()[0].name, settings["batch"] or len(x)
    logits = np.concatenate([session.run(None, {name: x[at : at + step]})[0] for at in range(0, len(x), step)])
    logits, rows = logits.astype(np.float64), np.arange(len(y))
    own = logits[rows, y]
    logits[rows, y] = -np.inf
    top = logits.max(axis=1)
    return own - top - np.log(np.exp(logits - top[:, None]).sum(axis=1))


def gaussians(phi, mask):
    """The mean of each record over the shadow models of `mask`, and one variance for all records."""
    with np.errstate(invalid="ignore"):
        mean = np.where(mask, phi, 0).sum(axis=0) / mask.sum(axis=0)
    return mean, (np.where(mask, phi - mean, 0) ** 2).sum() / mask.sum()


def confidences(scores):
    """(average rank - 0.5) / n over all scores."""
    _, inverse, count = np.unique(scores, return_inverse=True, return_counts=True)
    return ((np.cumsum(count) - (count - 1) / 2 - 0.5) / scores.size)[inverse]


def attack(scenario, settings):
    """Yields split, model and confidences of one scenario."""
    with Stage("read"):
        targets = {split: models_of(scenario / split) for split in ("dev", "final")}
        points = {model: np.load(model / "challenge.npz") for models in targets.values() for model in models}
        points = {model: {name: file[name] for name in ("x", "y", "idx")} for model, file in points.items()}
        every = {name: np.concatenate([point[name] for point in points.values()]) for name in ("x", "y", "idx")}
        rows, first = np.unique(every["idx"], return_index=True)
        x, y = every["x"][first], every["y"][first]
        shadows = models_of(scenario / "train")
        inside = np.array([np.isin(rows, np.load(shadow / "train_idx.npy")) for shadow in shadows])
    with ThreadPool(settings["workers"]) as workers:
        with Stage("shadows"):
            phi = np.array(workers.starmap(phi_of, [(model, x, y, settings) for model in shadows], chunksize=1))
        with Stage("targets"):
            jobs = [(model, point["x"], point["y"], settings) for model, point in points.items()]
            answers = dict(zip(points, workers.starmap(phi_of, jobs, chunksize=1)))
    with Stage("statistic"):
        (mean_in, var_in), (mean_out, var_out) = gaussians(phi, inside), gaussians(phi, ~inside)
        for split, models in targets.items():
            at = np.searchsorted(rows, np.concatenate([points[model]["idx"] for model in models]))
            target = np.concatenate([answers[model] for model in models])
            score = 0.5 * np.log(var_out / var_in) + (target - mean_out[at]) ** 2 / (2 * var_out)
            score = np.nan_to_num(score - (target - mean_in[at]) ** 2 / (2 * var_in))
            ends = np.cumsum([len(points[model]["idx"]) for model in models])
            for model, values in zip(models, np.split(confidences(score), ends[:-1])):
                yield split, model, values


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=0, help="of ONNX Runtime for each model, 0 its own choice")
    parser.add_argument("--workers", type=int, default=1, help="models run side by side")
    parser.add_argument("--batch", type=int, default=0, help="records at once, 0 all")
    parser.add_argument("--tuned", action="store_true")
    arguments = parser.parse_args()
    settings = TUNED if arguments.tuned else {name: getattr(arguments, name) for name in TUNED}
    track = arguments.dir.resolve()
    with zipfile.ZipFile(arguments.out, "w", zipfile.ZIP_DEFLATED) as archive:
        for scenario in sorted(path for path in track.iterdir() if (path / "train").is_dir()):
            for split, model, values in attack(scenario, settings):
                with Stage("write"):
                    path = f"{track.name}/{scenario.name}/{split}/{model.name}/prediction.csv"
                    archive.writestr(path, ",".join(map(repr, values.tolist())) + "\n")
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in SECONDS.items())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - START:.2f} s ({stages}), {memory:.0f} MiB")


if __name__ == "__main__":
    main()
