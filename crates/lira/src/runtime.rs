//! ONNX Runtime: finds and loads the library, and sets up the processor or a GPU to run the models.
//!
//! The library is loaded only when it is needed, so that the program also runs without it. It comes
//! from the Python wheel `onnxruntime`, or `onnxruntime-gpu` for a GPU.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider, cuda::ConvAlgorithmSearch};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

/// The oldest version that the dependency `ort` can load, as it is built here.
const MIN_VERSION: &str = "1.24";

/// A model that computes y [batch, 1] = 3 x [batch, 1], to test whether a GPU works.
const PROBE: &[u8] = include_bytes!("runtime/probe.onnx");

/// The device that runs the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
        })
    }
}

/// Which device is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU if one works, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A GPU; an error if none works.
    Cuda,
}

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library is in none of the usual folders.
    #[error(
        "ONNX Runtime, which runs the models, is not here: run scripts/setup-onnxruntime.sh, or `pip install onnxruntime` \
         and set ORT_DYLIB_PATH to the file libonnxruntime.so.* in its folder onnxruntime/capi"
    )]
    NotFound,
    /// The library cannot be loaded.
    #[error(
        "{} cannot be loaded as ONNX Runtime {MIN_VERSION} or newer: {}; `pip install --upgrade onnxruntime` gets one that can",
        path.display(),
        problem
    )]
    NotLoaded {
        /// Which one.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// CUDA was asked for, but it does not work.
    #[error(
        "CUDA was asked for and does not work with {}: {}; docs/PARTICIPANT.md says how to get ONNX Runtime for CUDA, and \
         --device cpu does without",
        path.display(),
        problem
    )]
    NoCuda {
        /// The library.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// The loaded library.
#[derive(Clone, Debug)]
pub struct Library {
    environment: Environment,
    path: PathBuf,
}

/// ONNX Runtime can be loaded only once in a process, with one environment.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

impl Library {
    /// Finds and loads the library; after the first success, returns the library that is loaded.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::NotLoaded`].
    pub fn load() -> Result<Self, RuntimeError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            return Ok(library.clone());
        }
        let path = find().ok_or(RuntimeError::NotFound)?;
        let failed = |problem: String| RuntimeError::NotLoaded { path: path.clone(), problem: one_line(&problem) };
        if !path.is_file() {
            return Err(failed("there is no such file".to_owned()));
        }
        let builder = ort::init_from(&path).map_err(|error| failed(error.to_string()))?;
        let environment = builder.with_name("callimico").with_telemetry(false).build();
        let environment = environment.map_err(|error| failed(error.to_string()))?;
        // Whatever matters is returned as an error, so the library need not log it as well.
        environment.set_log_level(LogLevel::Fatal);
        Ok(loaded.insert(Self { environment, path }).clone())
    }

    /// The path of the library.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version, if the file's name states it, and the commit that the library was built from.
    pub fn version(&self) -> String {
        let real = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let number = name.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
        let commit = ort::info().split_once("git-commit-id=").and_then(|(_, rest)| rest.split([',', ' ']).next());
        match (number.is_empty(), commit) {
            (false, Some(commit)) => format!("{number} ({commit})"),
            (true, Some(commit)) => format!("of commit {commit}"),
            (_, None) => ort::info().to_owned(),
        }
    }

    /// The devices that the library is built for. CUDA may be among them on a machine without a
    /// GPU.
    pub fn providers(&self) -> Vec<Device> {
        let mut providers = vec![Device::Cpu];
        if ep::CUDA::default().is_compiled_in() {
            providers.push(Device::Cuda);
        }
        providers
    }

    /// Takes the device that was asked for. `tf32` lets a GPU round the factors of products to 19
    /// bits.
    ///
    /// # Errors
    /// [`RuntimeError::NoCuda`] if CUDA was asked for and does not work.
    pub fn with_device(self, choice: DeviceChoice, tf32: bool) -> Result<Runtime, RuntimeError> {
        let runtime = |library, device| Runtime { library, device, tf32 };
        if choice == DeviceChoice::Cpu {
            return Ok(runtime(self, Device::Cpu));
        }
        let cuda = runtime(self, Device::Cuda);
        match cuda.probe() {
            Ok(()) => Ok(cuda),
            Err(_) if choice == DeviceChoice::Auto => Ok(Runtime { device: Device::Cpu, ..cuda }),
            Err(problem) => Err(RuntimeError::NoCuda { path: cuda.library.path, problem: one_line(&problem) }),
        }
    }
}

/// Whether the library is built with an execution provider.
trait CompiledIn {
    fn is_compiled_in(&self) -> bool;
}

impl<E: ExecutionProvider> CompiledIn for E {
    fn is_compiled_in(&self) -> bool {
        E::is_available().unwrap_or(false)
    }
}

/// The library and the device that it runs models on.
#[derive(Debug)]
pub struct Runtime {
    library: Library,
    device: Device,
    tf32: bool,
}

impl Runtime {
    /// The device that runs the models.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The library.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Everything besides model, records and batch size that can change the last bits of an answer.
    pub(super) fn fingerprint(&self) -> String {
        let tf32 = if self.tf32 { " tf32" } else { "" };
        format!("{} {}{tf32}", self.library.version(), self.device)
    }

    /// Loads the model at `path`, to be run on one thread.
    pub(super) fn open(&self, path: &Path) -> Result<Session, String> {
        let session = self.builder().and_then(|mut builder| builder.commit_from_file(path));
        session.map_err(|error| error.to_string())
    }

    fn builder(&self) -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&self.library.environment)?
            .with_log_level(LogLevel::Fatal)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?;
        if self.device == Device::Cpu {
            return Ok(builder);
        }
        // Without `error_on_failure`, the processor would silently stand in for a GPU that does not
        // work.
        let cuda = ep::CUDA::default()
            .with_tf32(self.tf32)
            .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
            .build()
            .error_on_failure();
        Ok(builder.with_execution_providers([cuda])?)
    }

    /// Runs [`PROBE`] on the device; an error says why it does not work.
    fn probe(&self) -> Result<(), String> {
        let answer = || -> ort::Result<Vec<f32>> {
            let mut session = self.builder()?.commit_from_memory(PROBE)?;
            let input = [2.0_f32, -1.0];
            let outputs = session.run(ort::inputs![TensorRef::from_array_view(([2_usize, 1], input.as_slice()))?])?;
            Ok(outputs[0].try_extract_tensor::<f32>()?.1.to_vec())
        };
        match answer() {
            Ok(values) if values == [6.0, -3.0] => Ok(()),
            Ok(values) => Err(format!("2 and -1 times 3 are {values:?} there")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A message of the library as part of a sentence: on one line, without its full stop.
fn one_line(text: &str) -> String {
    text.trim_end_matches(['.', ' ', '\n']).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Finds the library: the file in `ORT_DYLIB_PATH`, else one of the active Python environment, of
/// `scripts/setup-onnxruntime.sh`, of the user's Python packages or of the system.
fn find() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = set("ORT_DYLIB_PATH") {
        return Some(path);
    }
    let python = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(set).flat_map(|home| site_packages(&home));
    let wheels = caches::folders().map(|cache| cache.join("onnxruntime"));
    let user = set("HOME").into_iter().flat_map(|home| site_packages(&home.join(".local")));
    let capi = python.chain(wheels).chain(user).map(|folder| folder.join("onnxruntime/capi"));
    let system =
        ["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/opt/homebrew/lib"];
    capi.chain(system.map(PathBuf::from)).find_map(|folder| library_in(&folder))
}

/// The `site-packages` of every Python version below `home`, newest name first.
fn site_packages(home: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(home.join("lib")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("site-packages")).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// The newest library in `folder`: `libonnxruntime.so`, `libonnxruntime.so.1.32.0`,
/// `libonnxruntime.1.32.0.dylib` or `libonnxruntime.dylib`, but none of the provider libraries
/// beside it.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let is_library = |name: &str| {
        name.strip_prefix("libonnxruntime").is_some_and(|rest| {
            rest.starts_with(".so") || rest.strip_prefix('.').is_some_and(|rest| rest.ends_with("dylib"))
        })
    };
    let entries = fs::read_dir(folder).ok()?.flatten();
    let libraries = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_library));
    // Compared as numbers: 1.9 is older than 1.32.
    libraries.map(|entry| entry.path()).max_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name.split('.').filter_map(|part| part.parse().ok()).collect::<Vec<u32>>(), path.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_told_from_what_lies_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(library_in(folder.path()), None);
        for name in ["libonnxruntime_providers_shared.so", "onnxruntime_pybind11_state.so", "libonnxruntime.so.1.32.0"]
        {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        assert_eq!(library_in(folder.path()), Some(folder.path().join("libonnxruntime.so.1.32.0")));
        fs::write(folder.path().join("libonnxruntime.so.1.9.1"), "").expect("a file");
        assert_eq!(library_in(folder.path()), Some(folder.path().join("libonnxruntime.so.1.32.0")));
    }
}
