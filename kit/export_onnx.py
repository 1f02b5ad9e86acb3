"""Makes MICO's competition data ready for Callimico: its models as ONNX, its data sets as data.npz.

    export_onnx.py DIR [--kind auto|cnn|mlp|roberta] [--force] [--jobs N]
    export_onnx.py data cifar10 FOLDER --out data.npz
    export_onnx.py data purchase100 FILE --out data.npz
    export_onnx.py data sst2 TSV [TSV ...] --tokenizer FOLDER --out data.npz

The first form walks DIR, for example a track with scenario/split/model_N, and writes `model.onnx` beside every
`model.pt` (CIFAR-10's CNN, Purchase-100's MLP) and beside every `config.json` with `pytorch_model.bin` or
`model.safetensors` (SST-2's RoBERTa). It may be killed and started again: what is there is skipped.

Exit codes: 0 all is well; 1 some models are broken, the others are done; 2 the input is wrong, nothing was done.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
import itertools
import json
import multiprocessing
import os
import pickle
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

OPSET = 18
TOLERANCE = 1e-5
KINDS = ("cnn", "mlp", "roberta")
ROBERTA_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

# Rows of MICO's pools. The seeds draw from exactly so many, so another number would give other splits.
POOL_ROWS = {"cifar10": 60_000, "purchase100": 197_324, "sst2": 68_221}

# What MICO's networks expect of CIFAR-10: pixels from 0 to 1, then these for the red, green and blue channel.
CIFAR10_MEAN = (0.49139968, 0.48215841, 0.44653091)
CIFAR10_STD = (0.24703223, 0.24348513, 0.26158784)
CIFAR10_FILES = tuple(f"data_batch_{number}" for number in range(1, 6)) + ("test_batch",)

# A file half written by a run that was killed. No model takes this long, so an older one belongs to nobody.
PARTIAL = ".model.onnx.{}.partial"
PARTIAL_SECONDS = 3600

Inputs = dict[str, torch.Tensor]
Weights = dict[str, torch.Tensor]


class BadInput(Exception):
    """Something that was given is wrong; the message is one sentence with the file's name."""


# --- Architectures ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Architecture:
    """One form of network: models with an equal `key` differ in their weights only."""

    kind: str
    key: tuple[Any, ...]
    build: Callable[[], nn.Module]
    sample: Callable[[int, int], Inputs]  # random inputs: rows, and tokens in the longest row
    axes: dict[int, str]  # the axes of each input that may have any length


class TextNetwork(nn.Module):
    """A RoBERTa classifier with the two inputs that are exported and nothing but logits as its output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.network(input_ids=input_ids, attention_mask=attention_mask).logits


def cnn(weights: Weights, path: Path) -> Architecture:
    """MICO's CNN for pictures [3, 32, 32]; widths and kernels are those of the weights, all else is fixed."""
    shapes = [tuple(weights[f"{layer}.weight"].shape) for layer in (0, 3, 5, 9)]
    if [len(shape) for shape in shapes] != [4, 4, 4, 2]:
        raise BadInput(f"{path}: the shapes of the weights are not those of MICO's CNN: {shapes}")
    kernels = [shape[2:] for shape in shapes[:3]]

    def build() -> nn.Module:
        (first, colours, *_), (second, _, *_), (third, _, *_), (classes, features) = shapes
        return nn.Sequential(
            nn.Conv2d(colours, first, kernels[0], stride=2, padding=3),
            nn.Tanh(),
            nn.MaxPool2d(3, stride=1),
            nn.Conv2d(first, second, kernels[1]),
            nn.Tanh(),
            nn.Conv2d(second, third, kernels[2]),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(features, classes),
        )

    def sample(rows: int, _tokens: int) -> Inputs:
        return {"input": torch.randn(rows, shapes[0][1], 32, 32)}

    return Architecture("cnn", ("cnn", *shapes), build, sample, {0: "batch"})


def mlp(weights: Weights, path: Path) -> Architecture:
    """MICO's fully connected network with one hidden layer; its widths are those of the weights."""
    shapes = [tuple(weights[f"{layer}.weight"].shape) for layer in (0, 2)]
    if [len(shape) for shape in shapes] != [2, 2]:
        raise BadInput(f"{path}: the shapes of the weights are not those of MICO's MLP: {shapes}")
    (hidden, features), (classes, _) = shapes

    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, classes))

    def sample(rows: int, _tokens: int) -> Inputs:
        return {"input": torch.randint(0, 2, (rows, features)).float()}

    return Architecture("mlp", ("mlp", *shapes), build, sample, {0: "batch"})


def roberta(folder: Path) -> Architecture:
    """The RoBERTa classifier that `config.json` describes."""
    from transformers import RobertaConfig, RobertaForSequenceClassification  # slow, and only text needs it

    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a JSON file that can be read ({one_line(error)})") from error
    if not isinstance(settings, dict) or settings.get("model_type") != "roberta":
        raise BadInput(f"{path}: `model_type` is not `roberta`")
    # These say where a model comes from, not what it is.
    for name in ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "auto_map"):
        settings.pop(name, None)
    try:
        config = RobertaConfig(**settings)
    except Exception as error:  # whatever a stranger's settings bring about
        raise BadInput(f"{path}: not the settings of a RoBERTa ({one_line(error)})") from error
    config._attn_implementation = "eager"  # plain matrix products: the graph that runs everywhere

    def build() -> nn.Module:
        return TextNetwork(RobertaForSequenceClassification(config))

    def sample(rows: int, tokens: int) -> Inputs:
        padding = config.pad_token_id
        tokens = min(tokens, config.max_position_embeddings - padding - 1)
        ids = torch.randint(0, config.vocab_size - 1, (rows, tokens))
        ids[ids >= padding] += 1  # any token but padding
        lengths = torch.randint(1, tokens + 1, (rows, 1))
        lengths[0] = tokens
        mask = (torch.arange(tokens) < lengths).long()
        return {"input_ids": torch.where(mask == 1, ids, padding), "attention_mask": mask}

    key = ("roberta", json.dumps(settings, sort_keys=True))
    return Architecture("roberta", key, build, sample, {0: "batch", 1: "sequence"})


# --- Reading models --------------------------------------------------------------------------------------------------


def one_line(error: BaseException) -> str:
    """The first sentence or line of what an error says, short enough for a message."""
    text = str(error).strip().splitlines() or [type(error).__name__]
    return text[0].strip()[:160]


def read_weights(path: Path) -> Weights:
    """Reads a file of weights without running any code in it; names lose the prefix of Opacus."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or one_line(error)})") from error
    except Exception as error:  # torch.load has many ways of failing on bytes that are not its own
        why = "it is damaged, or holds more than weights and would run code"
        raise BadInput(f"{path}: not a file of weights, so it was not used: {why}") from error
    if not isinstance(weights, dict) or not weights or not all(torch.is_tensor(value) for value in weights.values()):
        raise BadInput(f"{path}: does not hold weights by their names (a state dict)")
    return {re.sub(r"^(_?module\.)+", "", str(name)): value for name, value in weights.items()}


def layer_names(*layers: int) -> set[str]:
    """The names of the weights of numbered layers."""
    return {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


def read_vector_model(path: Path) -> tuple[Architecture, Weights]:
    """Reads a `model.pt` and tells from its weights whether it is the CNN or the MLP."""
    weights = read_weights(path)
    short = {".".join(name.split(".")[-2:]): value for name, value in weights.items()}
    if len(short) == len(weights) and set(short) == layer_names(0, 3, 5, 9):
        return cnn(short, path), short
    if len(short) == len(weights) and set(short) == layer_names(0, 2):
        return mlp(short, path), short
    some = ", ".join(itertools.islice(weights, 4))
    raise BadInput(f"{path}: neither MICO's CNN nor its MLP, by the names of its weights ({some}, …)")


def read_text_model(folder: Path) -> tuple[Architecture, Weights]:
    """Reads a RoBERTa folder."""
    architecture = roberta(folder)
    path = next(folder / name for name in ROBERTA_WEIGHTS if (folder / name).is_file())
    weights = read_weights(path)
    # Older versions of transformers saved these counters with the weights; today's make them anew.
    counters = ("roberta.embeddings.position_ids", "roberta.embeddings.token_type_ids")
    return architecture, {f"network.{name}": value for name, value in weights.items() if name not in counters}


def read_model(folder: Path, kind: str) -> tuple[Architecture, Weights]:
    """Reads the model in a folder, which must be of the kind asked for unless that is `auto`."""
    path = folder / "model.pt"
    architecture, weights = read_vector_model(path) if path.is_file() else read_text_model(folder)
    if kind not in ("auto", architecture.kind):
        raise BadInput(f"{folder}: its model is of the kind {architecture.kind}, not {kind}")
    return architecture, weights


def has_model(folder: Path, files: list[str]) -> bool:
    """Whether these files of a folder make a model that can be exported."""
    return "model.pt" in files or ("config.json" in files and any(name in files for name in ROBERTA_WEIGHTS))


def find_models(root: Path) -> list[Path]:
    """All folders with a model, `model_2` before `model_10`."""
    folders = []
    for name, below, files in os.walk(root):
        below[:] = [folder for folder in below if not folder.startswith(".")]
        if has_model(Path(name), files):
            folders.append(Path(name))
    return sorted(folders, key=natural)


def natural(path: Path) -> list[tuple[int, int | str]]:
    """A key that sorts numbers in names by their value."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


# --- Graphs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Where an initializer's numbers come from."""

    weight: str
    transposed: bool


class Template:
    """The ONNX graph of an architecture. It is traced once; then each model's weights are put in their places."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.network = architecture.build().eval().requires_grad_(False)
        self._distinguish_weights()
        self.graph = self._trace()
        self.sources = self._find_sources()

    def _distinguish_weights(self) -> None:
        """Makes all weights differ: equal ones (biases of zero) would be merged in the graph, and be lost."""
        for weight in self.network.parameters():
            nn.init.normal_(weight, std=0.05)

    def _trace(self) -> onnx.ModelProto:
        axes = {axis: torch.export.Dim(name) for axis, name in self.architecture.axes.items()}
        inputs = self.architecture.sample(3, 16)
        with silence():
            program = torch.onnx.export(
                self.network,
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_shapes=tuple(axes for _ in inputs),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        graph = program.model_proto
        forget_origin(graph)
        return graph

    def _find_sources(self) -> dict[str, Source]:
        """Recognises each weight among the initializers by its numbers, as it is or transposed."""
        known: dict[tuple[tuple[int, ...], bytes], Source] = {}
        for name, weight in self.network.state_dict().items():
            if weight.dim() == 2:
                turned = weight.T.contiguous()
                known[tuple(turned.shape), turned.numpy().tobytes()] = Source(name, True)
            known[tuple(weight.shape), weight.numpy().tobytes()] = Source(name, False)
        sources = {}
        for tensor in self.graph.graph.initializer:
            source = known.get((tuple(tensor.dims), tensor.raw_data))
            if source is not None:
                sources[tensor.name] = source
                tensor.raw_data = b""
        missing = set(self.network.state_dict()) - {source.weight for source in sources.values()}
        if missing:
            raise RuntimeError(f"the ONNX graph has no place for the weights {sorted(missing)}")
        return sources

    def load(self, weights: Weights, path: Path) -> None:
        """Puts a model's weights into the PyTorch network."""
        for name, weight in weights.items():
            if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
                raise BadInput(f"{path}: the weight {name} holds numbers that are not finite")
        try:
            self.network.load_state_dict(weights)
        except RuntimeError as error:
            text = " ".join(str(error).split())
            raise BadInput(f"{path}: the weights do not fit the network: {text.split(': ', 1)[-1][:200]}") from error

    def fill(self) -> onnx.ModelProto:
        """The graph with the weights that are in the PyTorch network now."""
        weights = self.network.state_dict()
        for tensor in self.graph.graph.initializer:
            source = self.sources.get(tensor.name)
            if source is not None:
                weight = weights[source.weight]
                tensor.raw_data = (weight.T if source.transposed else weight).contiguous().numpy().tobytes()
        return self.graph

    def check(self, path: Path, threads: int, tolerance: float) -> float:
        """Compares the ONNX file with PyTorch on random inputs of two sizes; returns the worst difference."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        worst = 0.0
        for rows, tokens in ((1, 5), (7, 33)):
            worst = max(worst, difference(self.network, session, self.architecture.sample(rows, tokens)))
        if not worst <= tolerance:  # also true of NaN
            raise BadInput(f"{path.parent}: ONNX Runtime's logits differ from PyTorch's by {worst:.1e}")
        return worst


def difference(network: nn.Module, session: onnxruntime.InferenceSession, inputs: Inputs) -> float:
    """The greatest difference between ONNX Runtime's and PyTorch's logits, relative to those above 1."""
    (found,) = session.run(["logits"], {name: value.numpy() for name, value in inputs.items()})
    with torch.inference_mode():
        expected = network(*inputs.values()).numpy()
    if found.shape != expected.shape:
        return float("inf")
    return float(np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected))))


def forget_origin(graph: onnx.ModelProto) -> None:
    """Takes out the notes of the exporter: they name files of this computer and make every file larger."""
    del graph.metadata_props[:]
    graph.doc_string = ""
    del graph.graph.metadata_props[:]
    graph.graph.doc_string = ""
    values = itertools.chain(graph.graph.input, graph.graph.output, graph.graph.value_info)
    for part in itertools.chain(graph.graph.node, graph.graph.initializer, values):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def silence() -> Iterator[None]:
    """Keeps the exporter's remarks about torchvision and names of axes off the screen."""
    import logging
    import warnings

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


# --- Exporting models ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """How models are exported."""

    kind: str = "auto"
    threads: int = 1
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Result:
    """What became of one model."""

    folder: Path
    kind: str = ""
    worst: float = 0.0
    problem: str | None = None


# The templates of this process. Few architectures come up, but a RoBERTa is large, so only the latest is kept.
_latest: list[Template] = []


def template(architecture: Architecture) -> Template:
    """The template of an architecture, traced when it is first needed."""
    if not _latest or _latest[0].architecture.key != architecture.key:
        _latest.clear()
        _latest.append(Template(architecture))
    return _latest[0]


def export_model(folder: Path, options: Options) -> Result:
    """Writes `model.onnx` into one folder; a broken model is told in the result, and leaves nothing."""
    try:
        torch.set_num_threads(options.threads)
        torch.manual_seed(0)  # the same check each time
        architecture, weights = read_model(folder, options.kind)
        try:
            form = template(architecture)
        except (RuntimeError, ValueError) as error:  # such as a linear layer that does not fit the convolutions
            raise BadInput(f"{folder}: weights of these shapes make no network ({one_line(error)})") from error
        form.load(weights, folder)
        worst = write_checked(form, folder, options)
        return Result(folder, architecture.kind, worst)
    except BadInput as error:
        return Result(folder, problem=str(error))
    except Exception as error:  # one model must not end the run for all others
        return Result(folder, problem=f"{folder}: {type(error).__name__}: {one_line(error)}")


def write_checked(form: Template, folder: Path, options: Options) -> float:
    """Writes the file under a temporary name, checks it, and only then gives it its name."""
    remove_old_partials(folder)
    partial = folder / PARTIAL.format(os.getpid())
    try:
        with open(partial, "wb") as file:
            file.write(form.fill().SerializeToString())
            file.flush()
            os.fsync(file.fileno())  # else a power cut after the renaming could leave an empty file
        worst = form.check(partial, options.threads, options.tolerance)
        os.replace(partial, folder / "model.onnx")
    finally:
        partial.unlink(missing_ok=True)
    return worst


def remove_old_partials(folder: Path) -> None:
    """Removes what killed runs left, but not what another run may be writing now."""
    for path in folder.glob(PARTIAL.format("*")):
        try:
            if time.time() - path.stat().st_mtime > PARTIAL_SECONDS:
                path.unlink()
        except FileNotFoundError:
            pass


def export_all(folders: list[Path], options: Options, jobs: int) -> Iterator[Result]:
    """Exports models, `jobs` side by side, and gives the results as they come."""
    if jobs == 1:
        for folder in folders:
            yield export_model(folder, options)
        return
    # A process that has run PyTorch must not be forked.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        try:
            waiting = [pool.submit(export_model, folder, options) for folder in folders]
            for done in concurrent.futures.as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Progress:
    """Prints how far the run is, at most once a second."""

    def __init__(self, total: int, root: Path) -> None:
        self.total, self.root, self.done = total, root, 0
        self.start = self.last = time.monotonic()

    def tell(self, result: Result) -> None:
        """Counts a result in, and prints a line if one is due; problems are always printed."""
        self.done += 1
        now = time.monotonic()
        if result.problem:
            print(result.problem, file=sys.stderr, flush=True)
        elif now - self.last >= 1 or self.done == self.total:
            self.last = now
            seconds = (now - self.start) / self.done
            rate = f"{1 / seconds:.1f} models/s" if seconds < 1 else f"{seconds:.1f} s a model"
            left = clock(seconds * (self.total - self.done))
            name = result.folder.relative_to(self.root).as_posix()
            print(f"{self.done}/{self.total}  {name}  {result.kind}  {rate}, {left} left", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """A duration as h:mm:ss."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def run_models(arguments: argparse.Namespace) -> int:
    """The command `models`: exports every model below a directory."""
    root = arguments.directory
    if not root.is_dir():
        raise BadInput(f"{root}: not a directory")
    if arguments.jobs < 1:
        raise BadInput(f"--jobs {arguments.jobs}: must be 1 or more")
    found = find_models(root)
    if not found:
        raise BadInput(f"{root}: no model in it, that is, no model.pt and no config.json with pytorch_model.bin")
    todo = [folder for folder in found if arguments.force or not (folder / "model.onnx").is_file()]
    threads = max(1, (os.cpu_count() or 1) // arguments.jobs)
    options = Options(arguments.kind, threads, arguments.tolerance)
    progress, results = Progress(len(todo), root), []
    try:
        for result in export_all(todo, options, min(arguments.jobs, max(1, len(todo)))):
            results.append(result)
            progress.tell(result)
    except BrokenProcessPool:
        print("a process ended early, perhaps for want of memory: try fewer --jobs", file=sys.stderr)
        return 1
    return report(results, len(found) - len(todo), time.monotonic() - progress.start)


def report(results: list[Result], skipped: int, seconds: float) -> int:
    """Prints the end of a run and returns the exit code."""
    broken = [result.problem for result in results if result.problem]
    worst = max((result.worst for result in results), default=0.0)
    summary = f"{len(results) - len(broken)} exported in {clock(seconds)}, {skipped} were there, {len(broken)} broken"
    print(f"{summary}; opset {OPSET}, greatest difference to PyTorch {worst:.1e}")
    if broken:
        print("broken:")
        print("\n".join(f"  {problem}" for problem in broken))
    return 1 if broken else 0


# --- Data sets -------------------------------------------------------------------------------------------------------


class ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of numbers, strings and numpy arrays, and refuses everything that could run code."""

    # Where numpy keeps these has changed; the files name the old place.
    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): np.ndarray([0]).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.ndarray([0]).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        # This is how Python 3 writes bytes for Python 2 to read.
        ("_codecs", "encode"): lambda text, _encoding: text.encode("latin-1"),
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not an array") from None


def read_cifar10_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads one file of the Python version of CIFAR-10: pictures uint8 [rows, 3, 32, 32] and labels."""
    try:
        with open(path, "rb") as file:
            batch = ArrayUnpickler(file, encoding="bytes").load()
        pictures = np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(batch[b"labels"], dtype=np.int64)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # a damaged pickle may fail in any way
        raise BadInput(f"{path}: not a file of the Python version of CIFAR-10 ({one_line(error)})") from error
    if labels.shape != (len(pictures),):
        raise BadInput(f"{path}: has {len(pictures)} pictures and {labels.size} labels")
    return pictures, labels


def normalise(pictures: np.ndarray) -> np.ndarray:
    """Pixels 0 to 255 as MICO's networks want them; the steps are in float32, as torchvision takes them."""
    mean = np.array(CIFAR10_MEAN, dtype=np.float32).reshape(3, 1, 1)
    std = np.array(CIFAR10_STD, dtype=np.float32).reshape(3, 1, 1)
    scaled = pictures.astype(np.float32)
    scaled /= np.float32(255)
    scaled -= mean
    scaled /= std
    return scaled


def cifar10_pool(folder: Path) -> dict[str, np.ndarray]:
    """The pool of CIFAR-10: the five train files in their order, then the test file."""
    batches = [read_cifar10_batch(folder / name) for name in CIFAR10_FILES]
    return {
        "x": np.concatenate([normalise(pictures) for pictures, _ in batches]),
        "y": np.concatenate([labels for _, labels in batches]),
    }


def purchase100_pool(path: Path) -> dict[str, np.ndarray]:
    """The pool of Purchase-100, in the order of the original file `dataset_purchase`.

    The original is text: a label from 1 to 100, then 600 zeros or ones. An `.npy` holds the same table. An `.npz`
    holds the rows as `features` or `x`, and as `labels` or `y` classes from 0 or rows with a single one.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                x, y = pick(arrays, "features", "x"), pick(arrays, "labels", "y")
        else:
            table = read_table(path)
            x, y = table[:, 1:], table[:, 0].astype(np.int64) - 1
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or one_line(error)})") from error
    except Exception as error:  # numpy tells damage in many ways
        raise BadInput(f"{path}: not a table of Purchase-100 ({one_line(error)})") from error
    if y.ndim == 2:
        y = y.argmax(axis=1)
    if x.ndim != 2 or x.shape[1] != 600 or y.shape != (len(x),):
        raise BadInput(f"{path}: rows of the shape {x.shape} and labels of the shape {y.shape} are not Purchase-100")
    if y.min() < 0 or y.max() > 99:
        raise BadInput(f"{path}: the classes go from {y.min()} to {y.max()}, not from 0 to 99")
    return {"x": x.astype(np.float32), "y": y.astype(np.int64)}


def read_table(path: Path) -> np.ndarray:
    """A table of whole numbers from an `.npy` file or from text with commas."""
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    return np.loadtxt(path, dtype=np.uint8, delimiter=",", ndmin=2)


def pick(arrays: Any, *names: str) -> np.ndarray:
    """The first of these arrays that is there."""
    for name in names:
        if name in arrays:
            return arrays[name]
    raise ValueError(f"it has no array {' or '.join(names)}")


def read_sentences(path: Path) -> Iterator[tuple[str, int]]:
    """Sentences and labels of a GLUE file. Spaces at the end of a sentence stay: they are tokens of their own."""
    try:
        # Only a line feed ends a line here: other separators may be in a sentence.
        with open(path, encoding="utf-8", newline="\n") as file:
            header = next(file, "").rstrip("\r\n").split("\t")
            if header != ["sentence", "label"]:
                raise BadInput(f"{path}: line 1 must be `sentence<TAB>label`")
            for number, line in enumerate(file, 2):
                sentence, tab, label = line.rstrip("\r\n").partition("\t")
                if not tab or label not in ("0", "1"):
                    raise BadInput(f"{path}: line {number} is not a sentence, a tab and 0 or 1")
                yield sentence, int(label)
    except (OSError, UnicodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({one_line(error)})") from error


def sst2_pool(paths: list[Path], tokenizer: Path) -> dict[str, np.ndarray]:
    """The pool of SST-2, tokens padded to the longest sentence: the files in the order given."""
    from transformers import AutoTokenizer

    rows = list(itertools.chain.from_iterable(map(read_sentences, paths)))
    if not tokenizer.is_dir():  # else the name would be looked for on the net
        raise BadInput(f"{tokenizer}: not a folder with a tokenizer")
    try:
        tokenize = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    except Exception as error:  # transformers tells what is missing in many ways
        raise BadInput(f"{tokenizer}: no tokenizer can be made of it ({one_line(error)})") from error
    if not rows:
        raise BadInput(f"{paths[-1]}: no sentence in it")
    sentences = [sentence for sentence, _ in rows]
    tokens = tokenize(sentences, padding="longest", return_tensors="np", return_attention_mask=True)
    return {
        "input_ids": tokens["input_ids"].astype(np.int64),
        "attention_mask": tokens["attention_mask"].astype(np.int64),
        "y": np.array([label for _, label in rows], dtype=np.int64),
    }


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes an .npz under a temporary name first, so that a killed run leaves no half of it under the real one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        file: IO[bytes]
        with open(partial, "wb") as file:
            np.savez(file, **arrays)
        os.replace(partial, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def run_data(arguments: argparse.Namespace) -> int:
    """The command `data`: writes a pool as data.npz."""
    out, name = arguments.out, arguments.name
    if out.suffix != ".npz":
        raise BadInput(f"{out}: the name must end in .npz")
    if out.exists() and not arguments.force:
        raise BadInput(f"{out}: is there already; --force writes it anew")
    if name == "sst2":
        arrays = sst2_pool(arguments.source, arguments.tokenizer)
    else:
        arrays = {"cifar10": cifar10_pool, "purchase100": purchase100_pool}[name](arguments.source)
    rows = len(arrays["y"])
    if rows != POOL_ROWS[name]:
        raise BadInput(f"{rows} rows were found where MICO has {POOL_ROWS[name]}, so its seeds would draw others")
    write_arrays(out, arrays)
    shapes = ", ".join(f"{key} {list(value.shape)} {value.dtype}" for key, value in arrays.items())
    print(f"{out}: {shapes}")
    return 0


# --- Command line ----------------------------------------------------------------------------------------------------


def parse(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line; a first word that is no command is the directory of `models`."""
    parser = argparse.ArgumentParser(prog="export_onnx.py", description="MICO's models as ONNX, its data as data.npz.")
    commands = parser.add_subparsers(dest="command", required=True)
    models = commands.add_parser("models", help="write model.onnx beside every model (the word may be left out)")
    models.add_argument("directory", type=Path, metavar="DIR")
    models.add_argument("--kind", choices=("auto", *KINDS), default="auto", help="refuse models of another kind")
    models.add_argument("--force", action="store_true", help="export anew what is there")
    models.add_argument("--jobs", type=int, default=1, metavar="N", help="models side by side (1)")
    models.add_argument("--tolerance", type=float, default=TOLERANCE, help="greatest difference to PyTorch (1e-5)")
    models.set_defaults(run=run_models)
    data = commands.add_parser("data", help="write the pool of a data set as data.npz").add_subparsers(
        dest="name", required=True
    )
    sources = {
        "cifar10": "folder of the Python version: data_batch_1 to 5, test_batch",
        "purchase100": "dataset_purchase, or the same as .npy or .npz",
        "sst2": "GLUE's files: train first, then validation",
    }
    for name, what in sources.items():
        pool = data.add_parser(name, help=f"from {what}")
        pool.add_argument("source", type=Path, nargs="+" if name == "sst2" else None, help=what)
        if name == "sst2":
            pool.add_argument("--tokenizer", type=Path, required=True, metavar="FOLDER", help="of roberta-base")
        pool.add_argument("--out", type=Path, default=Path("data.npz"), metavar="FILE")
        pool.add_argument("--force", action="store_true", help="write a file that is there anew")
        pool.set_defaults(run=run_data)
    if arguments and arguments[0] not in ("models", "data", "-h", "--help"):
        arguments = ["models", *arguments]
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs a command line and returns the exit code."""
    options = parse(arguments)
    try:
        return options.run(options)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
