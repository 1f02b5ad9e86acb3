//! Asks many models: one worker a core, each with a whole model of its own, taken from a queue.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use sha2::{Digest, Sha256};

use super::cache::{Cache, Key, model_digest};
use super::network::{Network, Places};
use super::records::Records;
use super::runtime::{Device, Runtime};
use super::{Conditions, LiraError};

/// One model and the records it is asked about.
pub(super) struct Job<'a> {
    pub(super) model: PathBuf,
    pub(super) places: Places<'a>,
    /// [`Records::digest`] of these places.
    pub(super) digest: [u8; 32],
}

/// How far the queries are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Queries answered, by models and by the cache.
    pub done: u64,
    /// Of these, by the cache: they say nothing about the time that is left.
    pub cached: u64,
    /// Queries in all.
    pub total: u64,
}

/// All that is needed to ask models, whatever the scenario.
pub(super) struct Desk<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) cache: Cache,
    pub(super) conditions: Conditions<'a>,
    pub(super) progress: Progress,
}

enum Message {
    Answered(u64),
    Cached(u64),
    Finished(usize, Result<Option<Vec<f64>>, LiraError>),
}

impl Desk<'_> {
    /// Phi of each job's records. The order of the answers is that of the jobs, whoever was quicker.
    pub(super) fn ask(
        &mut self,
        jobs: &[Job<'_>],
        records: &Records,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Vec<f64>>, LiraError> {
        let workers = match self.runtime.device() {
            Device::Cpu => self.conditions.threads.get().min(jobs.len()),
            Device::Cuda => 1,
        };
        let worker = Worker {
            runtime: self.runtime,
            cache: &self.cache,
            batch: self.conditions.batch,
            stop: self.conditions.stop,
            gave_up: &AtomicBool::new(false),
            records,
        };
        let (sender, receiver) = mpsc::channel();
        let next = AtomicUsize::new(0);
        let mut answers: Vec<Option<Vec<f64>>> = jobs.iter().map(|_| None).collect();
        let mut failed = None;
        thread::scope(|scope| {
            for _ in 0..workers {
                let (sender, next, worker) = (sender.clone(), &next, &worker);
                scope.spawn(move || {
                    while !worker.is_over() {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(index) else { break };
                        if sender.send(Message::Finished(index, worker.one(job, &sender))).is_err() {
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
                        worker.gave_up.store(true, Ordering::Relaxed);
                        failed.get_or_insert(error);
                    }
                }
                tell(self.progress);
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        answers.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.stopped())
    }

    fn stopped(&self) -> LiraError {
        let Progress { done, total, .. } = self.progress;
        LiraError::Stopped { done, total, kept: self.cache.promise() }
    }
}

struct Worker<'a> {
    runtime: &'a Runtime,
    cache: &'a Cache,
    batch: Option<usize>,
    stop: &'a AtomicBool,
    /// Another worker failed.
    gave_up: &'a AtomicBool,
    records: &'a Records,
}

impl Worker<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.gave_up.load(Ordering::Relaxed)
    }

    /// `None` where it was stopped.
    fn one(&self, job: &Job<'_>, sender: &Sender<Message>) -> Result<Option<Vec<f64>>, LiraError> {
        let key = self.key(job)?;
        if let Some(key) = &key
            && let Some(phi) = self.cache.get(key, job.places.len())
        {
            // Nobody listens any more only when the run is over.
            let _ = sender.send(Message::Cached(phi.len() as u64));
            return Ok(Some(phi));
        }
        let mut network = Network::open(&job.model, self.runtime, self.records, self.batch)?;
        let tick = |count: usize| sender.send(Message::Answered(count as u64)).is_ok() && !self.is_over();
        let Some(phi) = network.phi(self.records, job.places, &tick)? else { return Ok(None) };
        if let Some(key) = &key {
            self.cache.put(key, &phi);
        }
        Ok(Some(phi))
    }

    /// Everything that decides about the answer; `None` if answers are not kept.
    fn key(&self, job: &Job<'_>) -> Result<Option<Key>, LiraError> {
        if !self.cache.keeps() {
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
