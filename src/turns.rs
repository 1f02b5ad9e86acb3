//! Turns: how much one participant may do at a time. Whoever asks for more waits; nobody is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::ParticipantId;

/// Uploads of one participant that are taken in at a time.
const AT_A_TIME: usize = 8;

/// A line for each participant who is doing something.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    lines: Arc<Mutex<HashMap<ParticipantId, Weak<Semaphore>>>>,
}

impl Turns {
    /// Waits for a turn, which lasts until the answer is dropped; `None` never comes while the process runs.
    pub async fn take(&self, participant: ParticipantId) -> Option<OwnedSemaphorePermit> {
        let line = self.line(participant);
        line.acquire_owned().await.ok()
    }

    fn line(&self, participant: ParticipantId) -> Arc<Semaphore> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&participant).and_then(Weak::upgrade) {
            return line;
        }
        // A line that nobody stands in is forgotten when the next one begins.
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Semaphore::new(AT_A_TIME));
        lines.insert(participant, Arc::downgrade(&line));
        line
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_ninth_waits_for_one_of_the_eight_and_others_do_not() {
        let (turns, ada, grace) = (Turns::default(), ParticipantId::generate(), ParticipantId::generate());
        let mut held = Vec::new();
        for _ in 0..AT_A_TIME {
            held.push(turns.take(ada).await.expect("a turn"));
        }
        let mut ninth = std::pin::pin!(turns.take(ada));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut ninth).await;
        assert!(early.is_err(), "the ninth did not wait");
        drop(turns.take(grace).await.expect("a turn"));
        held.pop();
        drop((ninth.await.expect("a turn"), held));
        // A line nobody stands in is forgotten when another one begins.
        drop(turns.take(grace).await.expect("a turn"));
        assert_eq!(turns.lines.lock().expect("unpoisoned").len(), 1);
    }
}
