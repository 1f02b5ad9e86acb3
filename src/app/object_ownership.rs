//! Database and objects belong together: the folder of the objects carries the id of its database.
//!
//! To the wrong database every upload looks forgotten. So no command begins before the two ids were compared, and
//! the sweeper compares them again before it clears anything away.

use std::io;

use thiserror::Error;
use uuid::Uuid;

use super::App;
use crate::domain::ids::SubmissionId;
use crate::store::instance::Instance;
use crate::store::{self, StoreError};

/// Uploads looked up at a time.
const AT_ONCE: usize = 1000;

/// Why database and objects are not used together.
#[derive(Debug, Error)]
pub enum ObjectOwnershipError {
    /// The folder carries the id of another database.
    #[error(
        "the objects in {folder} belong to the database {owner}, but `{}` is the database {id}: check DATABASE_URL \
         and CALLIMICO_OBJECTS; if these two do belong together, write {id} into {folder}/instance",
        .instance.database, id = .instance.id
    )]
    Foreign {
        /// The folder, or the prefix in a bucket.
        folder: String,
        /// Whose it is.
        owner: Uuid,
        /// The database that was opened.
        instance: Instance,
    },
    /// The folder carries no id, and holds what the database knows nothing of.
    #[error(
        "{unknown} uploads in {folder} are unknown to the database `{}` ({id}), {example} among them, and the folder \
         does not say whose it is: check DATABASE_URL and CALLIMICO_OBJECTS; if these two do belong together, write \
         {id} into {folder}/instance",
        .instance.database, id = .instance.id
    )]
    Unclaimed {
        /// The folder, or the prefix in a bucket.
        folder: String,
        /// How many uploads have no row.
        unknown: usize,
        /// One of them.
        example: SubmissionId,
        /// The database that was opened.
        instance: Instance,
    },
    /// The folder's id went away while the program ran.
    #[error("{0}/instance is gone, and with it the proof that the objects are this database's: restart the program")]
    Lost(String),
    /// The database cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk cannot answer.
    #[error("cannot read whose the objects are")]
    Objects(#[from] io::Error),
}

impl ObjectOwnershipError {
    /// Whether whoever started the program can set it right, as against a fault of database or disk.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Foreign { .. } | Self::Unclaimed { .. })
    }
}

impl App {
    /// Compares the ids of database and objects; a folder that nobody claimed yet becomes this database's, if
    /// there is nothing in it that the database does not know.
    ///
    /// # Errors
    /// The folder is another database's or may be, or one of the two cannot answer.
    pub async fn claim_objects(&self) -> Result<(), ObjectOwnershipError> {
        if self.objects.owner().await?.is_none() {
            let instance = store::instance::this(&self.db).await?;
            let unknown = self.unknown_uploads().await?;
            if let Some(example) = unknown.first() {
                let folder = self.objects.location();
                return Err(ObjectOwnershipError::Unclaimed {
                    folder,
                    unknown: unknown.len(),
                    example: *example,
                    instance,
                });
            }
            self.objects.set_owner(instance.id).await?;
        }
        // What stands there now: somebody else may have claimed the folder at the same time.
        self.check_objects().await
    }

    /// Compares the ids of database and objects.
    ///
    /// # Errors
    /// The folder is not this database's, or one of the two cannot answer.
    pub async fn check_objects(&self) -> Result<(), ObjectOwnershipError> {
        let instance = store::instance::this(&self.db).await?;
        match self.objects.owner().await? {
            Some(owner) if owner == instance.id => Ok(()),
            Some(owner) => Err(ObjectOwnershipError::Foreign { folder: self.objects.location(), owner, instance }),
            None => Err(ObjectOwnershipError::Lost(self.objects.location())),
        }
    }

    async fn unknown_uploads(&self) -> Result<Vec<SubmissionId>, ObjectOwnershipError> {
        let mut unknown = self.objects.uploads().await?;
        let mut known = Vec::new();
        for some in unknown.chunks(AT_ONCE) {
            known.extend(store::submission::keep_objects_of(&self.db, some).await?);
        }
        known.sort_unstable();
        unknown.retain(|id| known.binary_search(id).is_err());
        Ok(unknown)
    }
}
