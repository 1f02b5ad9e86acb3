"""Writes small ONNX models and models.json beside this file: a few input rows and the logits ONNX Runtime gives.

    python make_models.py

models.json: {"<fixture>": {"inputs": {"<input name>": nested lists}, "logits": [[...], ...]}}, five rows a fixture.
fixed_batch.onnx has tabular.onnx's weights, so tabular's logits are its own, four rows at a time.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
FLOAT, INT64, UINT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT8
NUMPY = {FLOAT: np.float32, INT64: np.int64, UINT8: np.uint8}
OPSET = 17


def weights(generator, *shape):
    return (generator.standard_normal(shape) * 0.5).astype(np.float32)


def write(name, inputs, classes, constants, nodes, batch="batch"):
    """`inputs`: (name, type, shape); `constants`: name -> array; `nodes`: (operator, inputs, output, attributes)."""
    graph = helper.make_graph(
        [helper.make_node(op, given.split(), [out], **attributes) for op, given, out, attributes in nodes],
        name,
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info("logits", FLOAT, [batch, classes])],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / f"{name}.onnx")


def convolution(generator):
    constants = {
        "kernel": weights(generator, 2, 1, 3, 3), "kernel_bias": weights(generator, 2),
        "w": weights(generator, 3, 32), "b": weights(generator, 3),
    }
    write("convolution", [("input", FLOAT, ["batch", 1, 6, 6])], 3, constants, [
        ("Conv", "input kernel kernel_bias", "maps", {"kernel_shape": [3, 3]}),
        ("Tanh", "maps", "active", {}),
        ("Flatten", "active", "flat", {"axis": 1}),
        ("Gemm", "flat w b", "logits", {"transB": 1}),
    ])
    return {"input": generator.standard_normal((5, 1, 6, 6)).astype(np.float32)}


def two_layers(generator, classes):
    return {
        "w1": weights(generator, 6, 5), "b1": weights(generator, 6),
        "w2": weights(generator, classes, 6), "b2": weights(generator, classes),
    }


TWO_LAYERS = [
    ("Gemm", "input w1 b1", "hidden", {"transB": 1}),
    ("Tanh", "hidden", "active", {}),
    ("Gemm", "active w2 b2", "logits", {"transB": 1}),
]


def tabular(generator):
    """tabular, fixed_batch, nan and one_class: alike but for what their names say."""
    constants = two_layers(generator, 4)
    write("tabular", [("input", FLOAT, ["batch", 5])], 4, constants, TWO_LAYERS)
    write("fixed_batch", [("input", FLOAT, [4, 5])], 4, constants, TWO_LAYERS, batch=4)
    broken = constants | {"b2": np.full(4, np.nan, np.float32)}
    write("nan", [("input", FLOAT, ["batch", 5])], 4, broken, TWO_LAYERS)
    write("one_class", [("input", FLOAT, ["batch", 5])], 1, two_layers(generator, 1), TWO_LAYERS)
    return {"input": generator.standard_normal((5, 5)).astype(np.float32)}


def bytes_(generator):
    constants = {
        "scale": np.float32(1 / 255).reshape(1), "w": weights(generator, 3, 36), "b": weights(generator, 3),
    }
    write("bytes", [("input", UINT8, ["batch", 6, 6])], 3, constants, [
        ("Cast", "input", "numbers", {"to": FLOAT}),
        ("Mul", "numbers scale", "scaled", {}),
        ("Flatten", "scaled", "flat", {"axis": 1}),
        ("Gemm", "flat w b", "logits", {"transB": 1}),
    ])
    return {"input": generator.integers(0, 256, (5, 6, 6)).astype(np.uint8)}


def embedding(generator):
    return {
        "table": weights(generator, 11, 4), "w": weights(generator, 2, 4), "b": weights(generator, 2),
        "last": np.array([-1], np.int64), "middle": np.array([1], np.int64),
        "one": np.ones(1, np.float32),
    }


def masked_mean(ids):
    """From `ids` and `mask` [batch, sequence] int64 of 0 and 1. A masked id is made 0, so it may be any number."""
    return [
        ("Mul", f"{ids} mask", "kept", {}),
        ("Gather", "table kept", "vectors", {"axis": 0}),
        ("Cast", "mask", "weight", {"to": FLOAT}),
        ("Unsqueeze", "weight last", "column", {}),
        ("Mul", "vectors column", "weighted", {}),
        ("ReduceSum", "weighted middle", "total", {"keepdims": 0}),
        ("ReduceSum", "weight middle", "count", {"keepdims": 1}),
        ("Max", "count one", "divisor", {}),
        ("Div", "total divisor", "mean", {}),
        ("Gemm", "mean w b", "logits", {"transB": 1}),
    ]


def tokens(generator):
    inputs = [(name, INT64, ["batch", "sequence"]) for name in ("input_ids", "attention_mask")]
    own = [("Clip", "attention_mask zero whole", "mask", {})]
    constants = embedding(generator) | {"zero": np.array(0, np.int64), "whole": np.array(1, np.int64)}
    write("tokens", inputs, 2, constants, own + masked_mean("input_ids"))
    lengths_ = np.array([7, 3, 1, 5, 7])
    mask = (np.arange(7) < lengths_[:, None]).astype(np.int64)
    return {"input_ids": generator.integers(0, 11, (5, 7)), "attention_mask": mask}


def lengths(generator):
    constants = embedding(generator) | {"positions": np.arange(12, dtype=np.int64)[None]}
    write("lengths", [("tokens", INT64, ["batch", 12]), ("lengths", INT64, ["batch"])], 2, constants, [
        ("Unsqueeze", "lengths last", "ends", {}),
        ("Less", "positions ends", "inside", {}),
        ("Cast", "inside", "mask", {"to": INT64}),
    ] + masked_mean("tokens"))
    return {"tokens": generator.integers(0, 11, (5, 12)), "lengths": np.array([12, 4, 1, 7, 9])}


def run(name, inputs):
    session = ort.InferenceSession(str(HERE / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    return session.run(["logits"], inputs)[0]


def check(inputs):
    """The properties that the names promise."""
    table = inputs["tabular"]["input"]
    assert np.isnan(run("nan", {"input": table})).all()
    assert run("one_class", {"input": table}).shape == (5, 1)
    assert np.allclose(run("fixed_batch", {"input": table[:4]}), run("tabular", {"input": table})[:4], atol=1e-6)
    text = inputs["tokens"]
    noise = np.where(text["attention_mask"] == 1, text["input_ids"], 10**9)
    assert (run("tokens", text | {"input_ids": noise}) == run("tokens", text)).all()
    for row in range(5):
        end = text["attention_mask"][row].sum()
        short = {key: value[row : row + 1, :end] for key, value in text.items()}
        assert np.allclose(run("tokens", short), run("tokens", text)[row], atol=1e-6)
    padded = inputs["lengths"]
    noise = np.where(np.arange(12) < padded["lengths"][:, None], padded["tokens"], -5)
    assert (run("lengths", padded | {"tokens": noise}) == run("lengths", padded)).all()


def main():
    generator = np.random.default_rng(20)
    makers = {"convolution": convolution, "tabular": tabular, "bytes": bytes_, "tokens": tokens, "lengths": lengths}
    inputs = {name: make(generator) for name, make in makers.items()}
    check(inputs)
    expected = {
        name: {"inputs": {key: value.tolist() for key, value in given.items()}, "logits": run(name, given).tolist()}
        for name, given in inputs.items()
    }
    (HERE / "models.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
