"""The same work by the usual Python libraries, for comparison with submission.rs.

    reference.py SUBMISSION.zip

Reads a zip of prediction files, checks them, and computes the numbers of scores.txt for both
splits with scikit-learn, as the original program does (it calls roc_curve for each number). The
labels are those of the benchmark: every other challenge point is a member. Prints the best and the
median processor time of several runs in milliseconds, and the ranking numbers to compare.

Needs numpy and scikit-learn (1.1.3 is the original's).
"""

import io
import statistics
import sys
import time
import zipfile

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

RATES = [0.001, 0.01, 0.05, 0.1, 0.15, 0.2]
RUNS = 15


def read(path):
    """The predictions of each split and scenario, models concatenated."""
    scenarios = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            _, scenario, split, _, _ = name.split("/")
            values = np.loadtxt(io.BytesIO(archive.read(name)), delimiter=",")
            if values.shape != (200,) or not ((values >= 0) & (values <= 1)).all():
                raise ValueError(name)
            scenarios.setdefault((split, scenario), []).append(values)
    return {key: np.concatenate(values) for key, values in scenarios.items()}


def numbers(truth, confidences):
    """The nine numbers of a scenario."""
    result = {}
    for rate in RATES:
        fpr, tpr, _ = roc_curve(truth, confidences)
        result[f"TPR_FPR_{round(rate * 10_000)}"] = tpr[fpr < rate].max()
    fpr, tpr, _ = roc_curve(truth, confidences)
    result["AUC"] = roc_auc_score(truth, confidences)
    result["MIA"] = (tpr - fpr).max()
    result["accuracy"] = (1 - (fpr + (1 - tpr)) / 2).max()
    return result


def score(scenarios):
    """All numbers of all splits and scenarios."""
    return {key: numbers(np.arange(len(values)) % 2 == 0, values) for key, values in scenarios.items()}


def main():
    path = sys.argv[1]
    times = {"read and check": [], "score": [], "all": []}
    for _ in range(RUNS):
        start = time.process_time()
        scenarios = read(path)
        middle = time.process_time()
        result = score(scenarios)
        end = time.process_time()
        for name, seconds in [("read and check", middle - start), ("score", end - middle), ("all", end - start)]:
            times[name].append(seconds * 1000)
    for name, runs in times.items():
        print(f"{name}: best {min(runs):.1f} ms, median {statistics.median(runs):.1f} ms")
    for split in ["dev", "final"]:
        rates = [value["TPR_FPR_1000"] for (of, _), value in sorted(result.items()) if of == split]
        print(f"{split}: average_TPR_FPR_1000 {np.mean(rates)!r}")


if __name__ == "__main__":
    main()
