//! Queries many models: each worker takes a model from the queue, loads it for itself and asks it
//! about its records. There is one worker for each thread, or one in all on a GPU.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use sha2::{Digest, Sha256};

use super::cache::{Cache, Key, model_digest};
use super::network::{Network, RecordIndices};
use super::records::Records;
use super::runtime::{Device, Runtime};
use super::{LiraError, RunOptions};

/// One model and the records it is queried on.
pub(super) struct Job<'a> {
    pub(super) model: PathBuf,
    pub(super) indices: RecordIndices<'a>,
    /// [`Records::digest`] of these records.
    pub(super) digest: [u8; 32],
}

/// How many queries are answered. A query asks one model about one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryProgress {
    /// Queries answered, by models and from the cache.
    pub done: u64,
    /// Those answered from the cache, to be left out of an estimate of the time that remains.
    pub cached: u64,
    /// Queries in all.
    pub total: u64,
}

/// Queries the models of one scenario after another.
pub(super) struct QueryRunner<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) cache: Cache,
    pub(super) options: RunOptions<'a>,
    pub(super) progress: QueryProgress,
}

enum Message {
    Answered(u64),
    Cached(u64),
    /// The index of a job and its answer; `None` if the job was stopped.
    Finished(usize, Result<Option<Vec<f64>>, LiraError>),
}

impl QueryRunner<'_> {
    /// Phi of each job's records, in the order of `jobs`, whichever finished first.
    ///
    /// # Errors
    /// The first error of any job, after which no other begins; [`LiraError::Stopped`].
    pub(super) fn run(
        &mut self,
        jobs: &[Job<'_>],
        records: &Records,
        on_progress: &mut dyn FnMut(QueryProgress),
    ) -> Result<Vec<Vec<f64>>, LiraError> {
        let workers = match self.runtime.device() {
            Device::Cpu => self.options.threads.get().min(jobs.len()),
            Device::Cuda => 1,
        };
        let worker = Worker {
            runtime: self.runtime,
            cache: &self.cache,
            batch: self.options.batch,
            stop: self.options.stop,
            failed: &AtomicBool::new(false),
            records,
        };
        let (sender, receiver) = mpsc::channel();
        let next = AtomicUsize::new(0);
        let mut answers: Vec<Option<Vec<f64>>> = jobs.iter().map(|_| None).collect();
        let mut first_error = None;
        thread::scope(|scope| {
            for _ in 0..workers {
                let (sender, next, worker) = (sender.clone(), &next, &worker);
                scope.spawn(move || {
                    while !worker.should_stop() {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(index) else { break };
                        if sender.send(Message::Finished(index, worker.answer(job, &sender))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for message in receiver {
                match message {
                    Message::Answered(count) => self.progress.done += count,
                    Message::Cached(count) => {
                        self.progress.done += count;
                        self.progress.cached += count;
                    }
                    Message::Finished(index, Ok(phi)) => answers[index] = phi,
                    Message::Finished(_, Err(error)) => {
                        worker.failed.store(true, Ordering::Relaxed);
                        first_error.get_or_insert(error);
                    }
                }
                on_progress(self.progress);
            }
        });
        if let Some(error) = first_error {
            return Err(error);
        }
        answers.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.stopped())
    }

    fn stopped(&self) -> LiraError {
        let QueryProgress { done, total, .. } = self.progress;
        LiraError::Stopped { done, total, kept: self.cache.after_stop() }
    }
}

struct Worker<'a> {
    runtime: &'a Runtime,
    cache: &'a Cache,
    batch: Option<usize>,
    stop: &'a AtomicBool,
    /// Whether a job has failed.
    failed: &'a AtomicBool,
    records: &'a Records,
}

impl Worker<'_> {
    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// Phi of the job's records, from the cache or from the model; `None` if it was stopped.
    fn answer(&self, job: &Job<'_>, sender: &Sender<Message>) -> Result<Option<Vec<f64>>, LiraError> {
        let key = self.key(job)?;
        if let Some(key) = &key
            && let Some(phi) = self.cache.get(key, job.indices.len())
        {
            // The receiver is gone only when the run has ended.
            let _ = sender.send(Message::Cached(phi.len() as u64));
            return Ok(Some(phi));
        }
        let mut network = Network::open(&job.model, self.runtime, self.records, self.batch)?;
        let on_batch = |count: usize| sender.send(Message::Answered(count as u64)).is_ok() && !self.should_stop();
        let Some(phi) = network.phi(self.records, job.indices, &on_batch)? else { return Ok(None) };
        if let Some(key) = &key {
            self.cache.put(key, &phi);
        }
        Ok(Some(phi))
    }

    /// A hash of everything that can change a bit of the answer; `None` if answers are not kept.
    fn key(&self, job: &Job<'_>) -> Result<Option<Key>, LiraError> {
        if !self.cache.is_enabled() {
            return Ok(None);
        }
        let model = model_digest(&job.model).map_err(LiraError::io(&job.model))?;
        let batch = self.batch.map_or(0, |batch| batch as u64);
        let mut hash = Sha256::new();
        hash.update(self.runtime.fingerprint());
        hash.update([0]);
        hash.update(batch.to_le_bytes());
        hash.update(model);
        hash.update(job.digest);
        Ok(Some(hash.finalize().into()))
    }
}
