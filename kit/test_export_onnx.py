"""Tests of export_onnx.py on networks of MICO's three forms with random weights.

    python -m unittest test_export_onnx.py
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

import export_onnx

HERE = Path(__file__).resolve().parent


def mico_cnn(first: int = 128, second: int = 256) -> nn.Module:
    """MICO's CNN, or a narrower one of its form; written apart from the code under test."""
    layers: list[nn.Module] = [nn.Conv2d(3, first, kernel_size=8, stride=2, padding=3), nn.Tanh(), nn.MaxPool2d(3, 1)]
    layers += [nn.Conv2d(first, second, kernel_size=3), nn.Tanh(), nn.Conv2d(second, second, kernel_size=3), nn.Tanh()]
    layers += [nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(second * 25, 10)]
    return nn.Sequential(*layers).eval()


def mico_mlp() -> nn.Module:
    """MICO's MLP."""
    return nn.Sequential(nn.Linear(600, 128), nn.Tanh(), nn.Linear(128, 100)).eval()


def save_model(folder: Path, network: nn.Module, prefix: str) -> None:
    """Writes a model.pt with `prefix` before the names of the weights."""
    folder.mkdir(parents=True)
    weights = {prefix + name: weight for name, weight in network.state_dict().items()}
    torch.save(weights, folder / "model.pt")


def save_roberta(folder: Path, prefix: str = "", safe: bool = False) -> nn.Module:
    """Writes a small RoBERTa classifier in the form of transformers 4.23, and returns it."""
    from transformers import RobertaConfig, RobertaForSequenceClassification

    settings = {
        "_name_or_path": "roberta-base",
        "architectures": ["RobertaForSequenceClassification"],
        "model_type": "roberta",
        "problem_type": "single_label_classification",
        "torch_dtype": "float32",
        "transformers_version": "4.23.1",
        "vocab_size": 90,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "max_position_embeddings": 70,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-05,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(settings))
    network = RobertaForSequenceClassification(RobertaConfig.from_json_file(folder / "config.json")).eval()
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.3)
    weights = {prefix + name: weight for name, weight in network.state_dict().items()}
    weights[prefix + "roberta.embeddings.position_ids"] = torch.arange(70).reshape(1, -1)
    if safe:
        from safetensors.torch import save_file

        save_file(weights, folder / "model.safetensors")
    else:
        torch.save(weights, folder / "pytorch_model.bin")
    return network


def logits(folder: Path, **inputs: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes with the exported file."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(["logits"], inputs)[0]


class Case(unittest.TestCase):
    """Gives each test an empty folder and a way to run the program."""

    def setUp(self) -> None:
        torch.manual_seed(1)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def run_program(self, *arguments: object) -> tuple[int, str, str]:
        """Runs the program in this process: exit code, standard output, standard error."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = export_onnx.main([str(argument) for argument in arguments])
        return code, out.getvalue(), err.getvalue()

    def assert_near(self, found: np.ndarray, expected: torch.Tensor) -> None:
        """Equal shapes, and equal numbers to 1e-5."""
        self.assertEqual(found.shape, tuple(expected.shape))
        worst = np.max(np.abs(found - expected.numpy()) / np.maximum(1, np.abs(expected.numpy())))
        self.assertLessEqual(worst, 1e-5)

    def left_behind(self) -> list[str]:
        """Everything that an export may leave below the folder of a test."""
        return sorted(path.name for path in self.root.rglob("*onnx*"))


class Vectors(Case):
    def check(self, folder: Path, network: nn.Module, shape: tuple[int, ...]) -> None:
        """Compares at several batch sizes."""
        for rows in (1, 2, 64):
            x = torch.randn(rows, *shape)
            with torch.no_grad():
                self.assert_near(logits(folder, input=x.numpy()), network(x))

    def test_cnn_and_mlp_with_and_without_prefix(self) -> None:
        models = []
        for number, prefix in enumerate(("", "cnn.", "_module.cnn.")):
            models.append((self.root / f"cifar10_lo/train/model_{number}", mico_cnn(8, 12), prefix, (3, 32, 32)))
        for number, prefix in enumerate(("mlp.", "_module.mlp.")):
            models.append((self.root / f"purchase100_lo/dev/model_{number}", mico_mlp(), prefix, (600,)))
        models.append((self.root / "cifar10_inf/final/model_3", mico_cnn(), "_module.cnn.", (3, 32, 32)))
        for folder, network, prefix, _ in models:
            save_model(folder, network, prefix)
        code, out, err = self.run_program(self.root)
        self.assertEqual((code, err.count("\n") > 0), (0, True), out + err)
        self.assertIn("6 exported", out)
        for folder, network, _, shape in models:
            self.check(folder, network, shape)
        self.assertEqual(self.left_behind(), ["model.onnx"] * 6)

    def test_equal_weights_are_not_mixed_up(self) -> None:
        """The exporter merges initializers that are equal; a template must not."""
        for number in range(2):
            network = mico_mlp()
            nn.init.zeros_(network[0].bias)
            nn.init.zeros_(network[2].bias)
            if number:
                nn.init.constant_(network[2].weight, 0.5)
            save_model(self.root / f"model_{number}", network, "mlp.")
            self.assertEqual(self.run_program(self.root)[0], 0)
            self.check(self.root / f"model_{number}", network, (600,))

    def test_graph_says_what_it_takes_and_nothing_else(self) -> None:
        save_model(self.root / "model_0", mico_mlp(), "mlp.")
        self.run_program(self.root)
        data = (self.root / "model_0/model.onnx").read_bytes()
        graph = onnx.load_from_string(data)
        onnx.checker.check_model(graph, full_check=True)
        self.assertEqual([(item.domain, item.version) for item in graph.opset_import], [("", export_onnx.OPSET)])
        self.assertEqual([value.name for value in graph.graph.input], ["input"])
        self.assertEqual(graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param, "batch")
        self.assertEqual([value.name for value in graph.graph.output], ["logits"])
        self.assertNotIn(str(HERE).encode(), data)
        self.assertNotIn(b"site-packages", data)

    def test_second_run_skips_and_force_gives_the_same_bytes(self) -> None:
        for number in range(2):
            save_model(self.root / f"model_{number}", mico_mlp(), "mlp.")
        self.run_program("models", self.root)
        path = self.root / "model_0/model.onnx"
        before, data = path.stat().st_mtime_ns, path.read_bytes()
        self.assertIn("0 exported", self.run_program(self.root)[1])
        self.assertEqual(path.stat().st_mtime_ns, before)
        code, out, _ = self.run_program(self.root, "--force")
        self.assertEqual((code, "2 exported" in out), (0, True))
        self.assertNotEqual(path.stat().st_mtime_ns, before)
        self.assertEqual(path.read_bytes(), data)

    def test_jobs(self) -> None:
        networks = [mico_mlp() for _ in range(3)]
        for number, network in enumerate(networks):
            save_model(self.root / f"model_{number}", network, "_module.mlp.")
        done = subprocess.run(
            [sys.executable, HERE / "export_onnx.py", self.root, "--jobs", "2"], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        for number, network in enumerate(networks):
            self.check(self.root / f"model_{number}", network, (600,))


class Text(Case):
    def test_padded_and_unpadded_text(self) -> None:
        models = {
            self.root / "sst2_lo/train/model_0": save_roberta(self.root / "sst2_lo/train/model_0"),
            self.root / "sst2_lo/dev/model_100": save_roberta(self.root / "sst2_lo/dev/model_100", "_module."),
            self.root / "sst2_lo/final/model_150": save_roberta(self.root / "sst2_lo/final/model_150", safe=True),
        }
        code, out, err = self.run_program(self.root)
        self.assertEqual(code, 0, out + err)
        for folder, network in models.items():
            for rows, tokens in ((1, 1), (1, 67), (3, 20), (32, 9)):
                ids = torch.randint(3, 90, (rows, tokens))
                self.compare(folder, network, ids, torch.ones_like(ids))
                lengths = torch.randint(1, tokens + 1, (rows, 1))
                mask = (torch.arange(tokens) < lengths).long()
                self.compare(folder, network, torch.where(mask == 1, ids, 1), mask)

    def compare(self, folder: Path, network: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> None:
        """Compares on one batch, and each row without its padding."""
        with torch.no_grad():
            expected = network(input_ids=ids, attention_mask=mask).logits
        self.assert_near(logits(folder, input_ids=ids.numpy(), attention_mask=mask.numpy()), expected)
        length = int(mask[0].sum())
        short = logits(folder, input_ids=ids[:1, :length].numpy(), attention_mask=mask[:1, :length].numpy())
        self.assert_near(short, expected[:1])

    def test_broken_folders(self) -> None:
        save_roberta(self.root / "a")
        (self.root / "a/config.json").write_text("{")
        save_roberta(self.root / "b")
        (self.root / "b/config.json").write_text('{"model_type": "bert"}')
        save_roberta(self.root / "c")
        weights = torch.load(self.root / "c/pytorch_model.bin", weights_only=True)
        del weights["classifier.out_proj.bias"]
        torch.save(weights, self.root / "c/pytorch_model.bin")
        code, out, _ = self.run_program(self.root)
        self.assertEqual(code, 1)
        for part in ("a/config.json: not a JSON file", "b/config.json: `model_type`", "classifier.out_proj.bias"):
            self.assertIn(part, out)
        self.assertEqual(self.left_behind(), [])


class Evil:
    """A pickle that leaves a file when it is opened carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (self.path,)


class Broken(Case):
    def test_broken_models_are_told_and_leave_nothing(self) -> None:
        trap = self.root / "trap"
        names = ["bytes", "empty", "pickle", "torch", "list", "nan", "names", "shapes", "half"]
        for name in names:
            (self.root / name).mkdir()
        (self.root / "bytes/model.pt").write_bytes(os.urandom(5000))
        (self.root / "empty/model.pt").write_bytes(b"")
        (self.root / "pickle/model.pt").write_bytes(pickle.dumps(Evil(trap)))
        torch.save({"0.weight": Evil(trap)}, self.root / "torch/model.pt")
        torch.save([1, 2], self.root / "list/model.pt")
        weights = mico_mlp().state_dict()
        torch.save({**weights, "2.bias": torch.full((100,), float("nan"))}, self.root / "nan/model.pt")
        torch.save({"a.weight": torch.ones(3)}, self.root / "names/model.pt")
        torch.save({**weights, "2.weight": torch.ones(100, 64)}, self.root / "shapes/model.pt")
        torch.save(weights, self.root / "half/model.pt")
        data = (self.root / "half/model.pt").read_bytes()
        (self.root / "half/model.pt").write_bytes(data[: len(data) // 2])
        save_model(self.root / "whole", mico_mlp(), "mlp.")
        code, out, err = self.run_program(self.root)
        self.assertEqual(code, 1)
        self.assertIn("1 exported", out)
        self.assertIn("9 broken", out)
        for name in names:
            lines = [line for line in out.splitlines() if f"{self.root / name}" in line]
            self.assertEqual(len(lines), 1, (name, out))
            self.assertIn(lines[0].strip(), err)
        self.assertEqual(out.count("not a file of weights"), 5, out)
        self.assertFalse(trap.exists())
        self.assertEqual(self.left_behind(), ["model.onnx"])

    def test_wrong_kind_and_wrong_arguments(self) -> None:
        save_model(self.root / "model_0", mico_mlp(), "mlp.")
        code, out, _ = self.run_program(self.root, "--kind", "cnn")
        self.assertEqual((code, "of the kind mlp, not cnn" in out), (1, True))
        self.assertEqual(self.run_program(self.root / "nowhere")[0], 2)
        (self.root / "empty").mkdir()
        self.assertEqual(self.run_program(self.root / "empty")[0], 2)
        self.assertEqual(self.run_program(self.root, "--jobs", "0")[0], 2)

    def test_a_difference_to_pytorch_is_refused(self) -> None:
        save_model(self.root / "model_0", mico_mlp(), "mlp.")
        with mock.patch.object(export_onnx, "difference", return_value=2e-5):
            code, out, _ = self.run_program(self.root)
        self.assertEqual((code, "differ from PyTorch's by 2.0e-05" in out), (1, True))
        self.assertEqual(self.left_behind(), [])

    def test_killed_run_leaves_no_model(self) -> None:
        for number in range(2):
            save_model(self.root / f"model_{number}", mico_mlp(), "mlp.")
        program = (
            "import os, signal, sys, export_onnx\n"
            "export_onnx.Template.check = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "export_onnx.main(sys.argv[1:])\n"
        )
        done = subprocess.run([sys.executable, "-c", program, self.root], cwd=HERE, capture_output=True)
        self.assertEqual(done.returncode, -9)
        (partial,) = self.left_behind()
        self.assertTrue(partial.startswith(".") and partial.endswith(".partial"))
        hours_ago = time.time() - 2 * export_onnx.PARTIAL_SECONDS
        os.utime(self.root / "model_0" / partial, (hours_ago, hours_ago))
        self.assertEqual(self.run_program(self.root)[0], 0)
        self.assertEqual(self.left_behind(), ["model.onnx"] * 2)


class Python2Pickler(pickle._Pickler):
    """Writes strings and bytes as Python 2 did, by which CIFAR-10's files were written."""

    def save_string(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(text)

    dispatch = {**pickle._Pickler.dispatch, str: save_string, bytes: save_string}


class Data(Case):
    def test_cifar10(self) -> None:
        source = self.root / "cifar-10-batches-py"
        source.mkdir()
        pixels = np.random.default_rng(1).integers(0, 256, (60, 3072), dtype=np.uint8)
        for number, name in enumerate(export_onnx.CIFAR10_FILES):
            rows = pixels[10 * number : 10 * number + 10]
            batch = {b"data": rows, b"labels": [number] * 10, b"batch_label": b"x", b"filenames": [b"a"] * 10}
            with open(source / name, "wb") as file:
                (Python2Pickler if number % 2 else pickle.Pickler)(file, protocol=2).dump(batch)
        out = self.root / "data.npz"
        self.assertEqual(self.run_program("data", "cifar10", source, "--out", out)[0], 2)  # 60 rows are not 60,000
        self.assertFalse(out.exists())
        with mock.patch.dict(export_onnx.POOL_ROWS, cifar10=60):
            self.assertEqual(self.run_program("data", "cifar10", source, "--out", out)[0], 0)
            self.assertEqual(self.run_program("data", "cifar10", source, "--out", out)[0], 2)  # is there already
        pool = np.load(out)
        self.assertEqual((pool["x"].dtype, pool["y"].dtype), (np.float32, np.int64))
        self.assertEqual(pool["y"].tolist(), [number for number in range(6) for _ in range(10)])
        expected = torch.from_numpy(pixels).reshape(-1, 3, 32, 32).float().div(255)
        expected.sub_(torch.tensor(export_onnx.CIFAR10_MEAN).view(3, 1, 1))
        expected.div_(torch.tensor(export_onnx.CIFAR10_STD).view(3, 1, 1))
        np.testing.assert_array_equal(pool["x"], expected.numpy())

    def test_cifar10_runs_no_code(self) -> None:
        trap = self.root / "trap"
        (self.root / "data_batch_1").write_bytes(pickle.dumps({b"data": Evil(trap)}))
        code, _, err = self.run_program("data", "cifar10", self.root, "--out", self.root / "data.npz")
        self.assertEqual((code, "data_batch_1: not a file of" in err), (2, True))
        self.assertFalse(trap.exists())

    def test_purchase100_in_three_forms(self) -> None:
        draw = np.random.default_rng(2)
        records, classes = draw.integers(0, 2, (20, 600)), draw.integers(1, 101, 20)
        table = np.column_stack([classes, records])
        np.savetxt(self.root / "dataset_purchase", table, fmt="%d", delimiter=",")
        np.save(self.root / "table.npy", table)
        np.savez(self.root / "arrays.npz", features=records, labels=np.eye(100)[classes - 1])
        for name in ("dataset_purchase", "table.npy", "arrays.npz"):
            out = self.root / f"out_{name}.npz"
            with mock.patch.dict(export_onnx.POOL_ROWS, purchase100=20):
                self.assertEqual(self.run_program("data", "purchase100", self.root / name, "--out", out)[0], 0)
            pool = np.load(out)
            self.assertEqual((pool["x"].dtype, pool["y"].dtype), (np.float32, np.int64))
            np.testing.assert_array_equal(pool["x"], records)
            np.testing.assert_array_equal(pool["y"], classes - 1)

    def test_sst2(self) -> None:
        folder = self.tokenizer()
        lines = {"train.tsv": ["hide new \t0", 'a " b\t1'], "dev.tsv": ["it 's a \u2028 c\t1"]}
        for name, rows in lines.items():
            (self.root / name).write_text("\n".join(["sentence\tlabel", *rows]) + "\n", encoding="utf-8", newline="\n")
        sources, out = [self.root / name for name in lines], self.root / "data.npz"
        with mock.patch.dict(export_onnx.POOL_ROWS, sst2=3):
            code, _, err = self.run_program("data", "sst2", *sources, "--tokenizer", folder, "--out", out)
        self.assertEqual(code, 0, err)
        pool = np.load(out)
        self.assertEqual({pool[name].dtype for name in pool}, {np.dtype(np.int64)})
        self.assertEqual(pool["y"].tolist(), [0, 1, 1])
        # Every byte is a token of its own here: <s>, "hide new " with its last space, </s>.
        self.assertEqual(pool["attention_mask"].sum(axis=1).tolist()[:2], [2 + 9, 2 + 5])
        self.assertEqual(pool["input_ids"].shape, pool["attention_mask"].shape)
        self.assertTrue(np.all(pool["input_ids"][pool["attention_mask"] == 0] == 1))
        (self.root / "dev.tsv").write_text("sentence\tlabel\nno label\n")
        code, _, err = self.run_program("data", "sst2", *sources, "--tokenizer", folder, "--out", self.root / "x.npz")
        self.assertEqual((code, "dev.tsv: line 2 is not" in err), (2, True))

    def tokenizer(self) -> Path:
        """A tokenizer of RoBERTa's form that knows the single bytes only."""
        from tokenizers.pre_tokenizers import ByteLevel

        words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), "<mask>"]
        folder = self.root / "tokenizer"
        folder.mkdir()
        (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        (folder / "config.json").write_text('{"model_type": "roberta"}')
        return folder


if __name__ == "__main__":
    unittest.main()
