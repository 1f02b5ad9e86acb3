//! ONNX Runtime: which library, and what runs the models, processor or GPU.
//!
//! The library is loaded when it is needed, so that the program runs without it; it comes from the Python wheel
//! `onnxruntime`, or for a GPU `onnxruntime-gpu`.

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

/// The oldest version whose interface this program speaks, as the dependency `ort` is built for.
const OLDEST: &str = "1.24";

/// A network of one product, y [batch, 1] = x [batch, 1] times 3: what shows whether a GPU answers.
const PROBE: &[u8] = include_bytes!("runtime/probe.onnx");

/// What runs the models.
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

/// What is asked to run the models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where one answers, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, or an error.
    Cuda,
}

/// Why there is no ONNX Runtime to run models.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no library in any of the places.
    #[error(
        "ONNX Runtime, which runs the models, is not here: run scripts/setup-onnxruntime.sh, or `pip install onnxruntime` \
         and set ORT_DYLIB_PATH to the file libonnxruntime.so.* in its folder onnxruntime/capi"
    )]
    NotFound,
    /// The library cannot be loaded.
    #[error(
        "{} cannot be loaded as ONNX Runtime {OLDEST} or newer: {}; `pip install --upgrade onnxruntime` gets one that can",
        path.display(),
        problem
    )]
    NotLoaded {
        /// Which one.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// CUDA was asked for and does not work.
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

/// The library, loaded.
#[derive(Clone, Debug)]
pub struct Library {
    environment: Environment,
    path: PathBuf,
}

/// A process has one library, and one environment of it.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

impl Library {
    /// Finds the library and loads it. The first library that a process loads stays.
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
        // What matters comes back as an error.
        environment.set_log_level(LogLevel::Fatal);
        Ok(loaded.insert(Self { environment, path }).clone())
    }

    /// Where the library is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version by the name of the file, where it is told, and the commit that the library was built from.
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

    /// What the library was built to run models on. That CUDA is among them does not mean that a GPU is here.
    pub fn providers(&self) -> Vec<Device> {
        let mut providers = vec![Device::Cpu];
        if ep::CUDA::default().is_compiled_in() {
            providers.push(Device::Cuda);
        }
        providers
    }

    /// Settles what runs the models. `auto` takes a GPU if it answers.
    ///
    /// # Errors
    /// [`RuntimeError::NoCuda`] where CUDA was asked for and does not work.
    pub fn on(self, wanted: DeviceChoice, tf32: bool) -> Result<Runtime, RuntimeError> {
        let runtime = |library, device| Runtime { library, device, tf32 };
        if wanted == DeviceChoice::Cpu {
            return Ok(runtime(self, Device::Cpu));
        }
        let cuda = runtime(self, Device::Cuda);
        match cuda.probe() {
            Ok(()) => Ok(cuda),
            Err(_) if wanted == DeviceChoice::Auto => Ok(Runtime { device: Device::Cpu, ..cuda }),
            Err(problem) => Err(RuntimeError::NoCuda { path: cuda.library.path, problem: one_line(&problem) }),
        }
    }
}

/// Whether a provider is part of the library.
trait CompiledIn {
    fn is_compiled_in(&self) -> bool;
}

impl<E: ExecutionProvider> CompiledIn for E {
    fn is_compiled_in(&self) -> bool {
        E::is_available().unwrap_or(false)
    }
}

/// The library and what it runs models on.
#[derive(Debug)]
pub struct Runtime {
    library: Library,
    device: Device,
    tf32: bool,
}

impl Runtime {
    /// What runs the models.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The library.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// All that decides about the last bits of an answer, beside model and records.
    pub(super) fn fingerprint(&self) -> String {
        let tf32 = if self.tf32 { " tf32" } else { "" };
        format!("{} {}{tf32}", self.library.version(), self.device)
    }

    /// Opens the model at `path`, to be run by one thread.
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
        // Without the last call a GPU that does not work would be passed over in silence.
        let cuda = ep::CUDA::default()
            .with_tf32(self.tf32)
            .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
            .build()
            .error_on_failure();
        Ok(builder.with_execution_providers([cuda])?)
    }

    /// Lets the device answer once.
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

/// What the library says, fit to stand within a sentence.
fn one_line(text: &str) -> String {
    text.trim_end_matches(['.', ' ', '\n']).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The library that is named by `ORT_DYLIB_PATH`, else that of the active Python, of setup, of the user's Python, or the
/// system's.
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

fn site_packages(home: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(home.join("lib")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("site-packages")).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// `libonnxruntime.so`, `libonnxruntime.so.1.32.0`, `libonnxruntime.1.32.0.dylib` or `libonnxruntime.dylib`; not the
/// libraries of providers beside it.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let is_library = |name: &str| {
        name.strip_prefix("libonnxruntime").is_some_and(|rest| {
            rest.starts_with(".so") || rest.strip_prefix('.').is_some_and(|rest| rest.ends_with("dylib"))
        })
    };
    let entries = fs::read_dir(folder).ok()?.flatten();
    let libraries = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_library));
    // The newest: 1.9 is older than 1.32.
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
