"""Writes statistic.json: scores that are computed apart from the Rust code, with NumPy and SciPy.

    python make_statistic.py

30 records, 14 shadow models, of which each record is IN four to nine and one record IN all. `phi` and `trained_on` are
[shadows][records], `target` [records]; one list of scores [records] for each attack. Balanced: the same with each record
IN seven, for the formula of TensorFlow Privacy's mi_lira_2021 and orientino's lira-pytorch, whose truncation to equal
counts then does nothing. Made with Python 3.11, NumPy 2.4, SciPy 1.17.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import norm

SHADOWS, RECORDS, WEIGHT = 14, 30, 16.0


def draw(seed, counts):
    """Masks, phi of the shadow models and phi of a target, rounded so that the file is short."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((SHADOWS, RECORDS), bool)
    for record, count in enumerate(counts):
        masks[rng.permutation(SHADOWS)[:count], record] = True
    ease = rng.normal(1.0, 2.0, RECORDS)
    phi = ease + 1.5 * masks + rng.normal(0.0, 0.8, masks.shape) * (1.0 + 0.3 * np.abs(ease))
    target = ease + rng.normal(0.7, 1.2, RECORDS)
    return masks, np.round(phi, 3), np.round(target, 3)


def sides(values, masks):
    """Count, mean and sum of squares [2][records], IN and OUT; the mean of nothing is NaN."""
    found = []
    for side in (masks, ~masks):
        count = side.sum(0)
        mean = np.array([values[side[:, r], r].mean() if count[r] else np.nan for r in range(RECORDS)])
        squares = np.array([((values[side[:, r], r] - mean[r]) ** 2).sum() if count[r] else 0.0 for r in range(RECORDS)])
        found.append((count, mean, squares))
    return found


def filled(inside, outside):
    """The means of both sides; a missing one is the other, the mean gap away."""
    gap = np.nanmean(inside[1] - outside[1])
    mean_in = np.where(np.isnan(inside[1]), outside[1] + gap, inside[1])
    mean_out = np.where(np.isnan(outside[1]), inside[1] - gap, outside[1])
    return mean_in, mean_out


def pooled(side):
    count, _, squares = side
    return squares[count > 1].sum() / (count[count > 1] - 1).sum()


def log_ratio(target, mean_in, var_in, mean_out, var_out):
    return norm.logpdf(target, mean_in, np.sqrt(var_in)) - norm.logpdf(target, mean_out, np.sqrt(var_out))


def hierarchical(target, inside, outside, mean_in):
    """The fit by numpy.linalg.lstsq on weighted rows, in the terms as they stand."""
    (n_in, _, ss_in), (n_out, mean_out, ss_out) = inside, outside
    v_in, v_out = pooled(inside), pooled(outside)
    sd_in = np.sqrt(ss_in / (n_in - 1))
    terms = np.stack([np.ones(RECORDS), mean_in, sd_in, mean_in**2, mean_in * sd_in], 1)
    known = (n_in > 0) & (n_out > 0)
    root = np.sqrt(n_out[known])
    solved = np.linalg.lstsq(terms[known] * root[:, None], mean_out[known] * root, rcond=None)[0]
    f = terms @ solved
    squares = (n_out[known] * (mean_out[known] - f[known]) ** 2).sum()
    tau2 = max((squares - v_out * known.sum()) / n_out[known].sum(), 1e-3)
    sum_out = np.where(n_out > 0, n_out * np.nan_to_num(mean_out), 0.0)
    mu_out = (f / tau2 + sum_out / v_out) / (1 / tau2 + n_out / v_out)
    v = (WEIGHT * v_in + ss_in + ss_out * v_in / v_out) / (WEIGHT + n_in + n_out)
    return (mean_in - mu_out) * (target - (mean_in + mu_out) / 2) / v


def scores(masks, phi, target):
    inside, outside = sides(phi, masks)
    mean_in, mean_out = filled(inside, outside)
    v_in, v_out = pooled(inside), pooled(outside)
    shrunk = [(WEIGHT * v + side[2]) / (WEIGHT + side[0]) for v, side in ((v_in, inside), (v_out, outside))]
    own = [np.where((side[0] > 1) & (side[2] > 0), side[2] / np.maximum(side[0], 1), v)
           for v, side in ((v_in, inside), (v_out, outside))]
    losses, loss = np.logaddexp(0, -phi), np.logaddexp(0, -target)
    loss_in = filled(*sides(losses, masks))[0]
    confidence_in = filled(*sides(np.exp(-losses), masks))[0]
    return {
        "loss": -loss,
        "online_fixed": log_ratio(target, mean_in, v_in, mean_out, v_out),
        "online_shrunk": log_ratio(target, mean_in, shrunk[0], mean_out, shrunk[1]),
        "online_per_example": log_ratio(target, mean_in, own[0], mean_out, own[1]),
        "offline_fixed": (target - mean_out) / np.sqrt(v_out),
        "offline_shrunk": (target - mean_out) / np.sqrt(shrunk[1]),
        "offline_per_example": (target - mean_out) / np.sqrt(own[1]),
        "hierarchical": hierarchical(target, inside, outside, mean_in),
        "calibrated_loss": loss_in - loss,
        "calibrated_confidence": np.exp(-loss) - confidence_in,
    }


def reference(masks, phi, target):
    """The references' generate_ours and generate_ours_offline; their signs are turned, so that members score high."""
    dat_in = np.array([phi[masks[:, r], r] for r in range(RECORDS)])
    dat_out = np.array([phi[~masks[:, r], r] for r in range(RECORDS)])
    mean_in, mean_out = np.median(dat_in, 1), np.median(dat_out, 1)
    found = {}
    for name, std_in, std_out, std_offline in (
        ("per_example", np.std(dat_in, 1), np.std(dat_out, 1), np.std(dat_out, 1)),
        ("fixed", np.std(dat_in), np.std(dat_in), np.std(dat_out)),
    ):
        pr_in = -norm.logpdf(target, mean_in, std_in + 1e-30)
        pr_out = -norm.logpdf(target, mean_out, std_out + 1e-30)
        found[f"reference_online_{name}"] = pr_out - pr_in
        found[f"reference_offline_{name}"] = -norm.logpdf(target, mean_out, std_offline + 1e-30)
    return found


def table(seed, counts, of):
    masks, phi, target = draw(seed, counts)
    lists = {name: values.tolist() for name, values in of(masks, phi, target).items()}
    return {"phi": phi.tolist(), "trained_on": masks.tolist(), "target": target.tolist(), "scores": lists}


def main():
    counts = np.random.default_rng(7).integers(4, 10, RECORDS)
    counts[3] = SHADOWS
    document = {"unequal": table(1, counts, scores), "balanced": table(2, [SHADOWS // 2] * RECORDS, reference)}
    Path(__file__).with_name("statistic.json").write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
