//! What the files and folders of a track are called. A split's folder is called as [`scoring::Split::as_str`] says.

/// A target model as ONNX: `[batch, …]` to logits `[batch, classes]`.
pub const MODEL_ONNX: &str = "model.onnx";
/// A model's challenge points: `x` [2m, …] and `y` [2m], the records, `idx` [2m], their rows of the pool, or all three.
pub const CHALLENGE_NPZ: &str = "challenge.npz";
/// A model's challenge points as rows of the pool [2m].
pub const CHALLENGE_NPY: &str = "challenge.npy";
/// The seed that a model's challenge points are drawn from, in MICO's data.
pub const SEED_CHALLENGE: &str = "seed_challenge";
/// The seed of the training rows that are no challenge points.
pub const SEED_TRAINING: &str = "seed_training";
/// The seed that says which challenge points are members.
pub const SEED_MEMBERSHIP: &str = "seed_membership";
/// Which challenge points are members: 2m values of 0 or 1.
pub const SOLUTION: &str = "solution.csv";
/// The rows of the pool that a model was trained on, members and others [n].
pub const TRAIN_IDX: &str = "train_idx.npy";
/// The rows of [`TRAIN_IDX`] that are no challenge points [n - m], for participants of a DP Distinguisher track; made
/// at the release, because [`TRAIN_IDX`] itself tells who is a member.
pub const REST_IDX: &str = "rest_idx.npy";

/// The public pool: `x` [N, …] and `y` [N].
pub const POOL_NPZ: &str = "data.npz";
/// The records of the pool [N, …], beside [`POOL_Y`] in place of [`POOL_NPZ`].
pub const POOL_X: &str = "data.x.npy";
/// The classes of the pool [N].
pub const POOL_Y: &str = "data.y.npy";
/// The settings.
pub const TRACK_YAML: &str = "track.yaml";
/// The folder of texts, one `.md` each.
pub const PAGES: &str = "pages";
/// What `callimico train` made the track from; as secret as the solutions.
pub const RECIPE: &str = "recipe.json";
/// How good and how private the models are.
pub const REPORT_JSON: &str = "report.json";
/// The same as a table.
pub const REPORT_TXT: &str = "report.txt";

/// A model in each form that is known, with its weights where those are files of their own.
pub const MODEL_FORMS: [&str; 8] = [
    MODEL_ONNX,
    "model.onnx.data",
    "model.onnx_data",
    "model.pt",
    "model.safetensors",
    PYTORCH_MODEL,
    "model.bin",
    MODEL_CONFIG,
];
/// What a model needs beside its weights in some forms; it holds no model by itself.
pub const MODEL_CONFIG: &str = "config.json";
const PYTORCH_MODEL: &str = "pytorch_model.bin";

/// The files of challenge points; the first that is there counts.
pub const CHALLENGE_FILES: [&str; 3] = [CHALLENGE_NPZ, CHALLENGE_NPY, SEED_CHALLENGE];
/// The files of the pool.
pub const POOL_FILES: [&str; 3] = [POOL_NPZ, POOL_X, POOL_Y];

/// Whether a file or folder beside the scenarios belongs to the track.
pub(crate) fn belongs_to_a_track(name: &str) -> bool {
    POOL_FILES.contains(&name) || [TRACK_YAML, PAGES, "logo.png", RECIPE, REPORT_JSON, REPORT_TXT].contains(&name)
}

/// The files that make a folder of a split a model, for people to read.
pub(crate) const MARKS_OF_A_MODEL: &str =
    "model.*, pytorch_model.bin, challenge*, solution.csv, seed_* or train_idx.npy";

/// Whether a file of this name makes its folder a model. `challenge*` takes in MIDST's `challenge_label.csv`.
pub(crate) fn marks_a_model(file: &str) -> bool {
    ["model.", "challenge", "seed_"].iter().any(|begin| file.starts_with(begin))
        || [PYTORCH_MODEL, SOLUTION, TRAIN_IDX].contains(&file)
}

/// Whether programs or systems leave folders of this name behind. Python's holds `model.….pyc` where `model.py` lies.
pub(crate) fn is_left_behind(folder: &str) -> bool {
    ["__pycache__", "__MACOSX", "lost+found"].contains(&folder)
}
