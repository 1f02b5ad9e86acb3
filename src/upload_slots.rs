//! Upload slots: how many uploads of one participant are taken in at a time. Further ones wait; none is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::ParticipantId;

/// Uploads of one participant that are taken in at a time.
const AT_A_TIME: usize = 8;

/// The slots of each participant that is uploading something.
#[derive(Debug, Clone, Default)]
pub struct UploadSlots {
    slots: Arc<Mutex<HashMap<ParticipantId, Weak<Semaphore>>>>,
}

impl UploadSlots {
    /// Waits for a free slot, which is held until the answer is dropped; it is never `None` while the process runs.
    pub async fn take(&self, participant: ParticipantId) -> Option<OwnedSemaphorePermit> {
        let own = self.of(participant);
        own.acquire_owned().await.ok()
    }

    fn of(&self, participant: ParticipantId) -> Arc<Semaphore> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = slots.get(&participant).and_then(Weak::upgrade) {
            return own;
        }
        // Slots that nobody holds are forgotten when the next participant begins.
        slots.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(AT_A_TIME));
        slots.insert(participant, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_ninth_waits_for_one_of_the_eight_and_others_do_not() {
        let (slots, ada, grace) = (UploadSlots::default(), ParticipantId::generate(), ParticipantId::generate());
        let mut held = Vec::new();
        for _ in 0..AT_A_TIME {
            held.push(slots.take(ada).await.expect("a slot"));
        }
        let mut ninth = std::pin::pin!(slots.take(ada));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut ninth).await;
        assert!(early.is_err(), "the ninth did not wait");
        drop(slots.take(grace).await.expect("a slot"));
        held.pop();
        drop((ninth.await.expect("a slot"), held));
        // Slots that nobody holds are forgotten when another participant begins.
        drop(slots.take(grace).await.expect("a slot"));
        assert_eq!(slots.slots.lock().expect("unpoisoned").len(), 1);
    }
}
