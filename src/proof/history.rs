//! What the events of a log say: which submissions were taken from whom, which of them stand, what was committed to.
//!
//! An event changes the state and nothing else; what the state is compared with stands in `reproduce`.

use std::collections::{BTreeMap, BTreeSet};

use scoring::RankingNumber;
use scoring::log::LogHash;
use time::OffsetDateTime;

use crate::domain::ids::SubmissionId;
use crate::domain::log_event::{FrozenEntry, LogEvent, LogParticipant, Logged, RankedCounts, Step, StepName};
use crate::domain::sha256::Sha256;
use crate::domain::track::EntryRule;

/// Who stands with what.
pub(super) type Entries = BTreeMap<LogParticipant, SubmissionId>;

/// A submission, as far as the log tells.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    pub(super) participant: LogParticipant,
    pub(super) sha256: Sha256,
    pub(super) arrived_at: OffsetDateTime,
    /// The event that took it.
    accepted: u64,
    /// What the log tells of its dev scores.
    pub(super) result_hashes: Vec<Sha256>,
    disqualified: bool,
}

/// A freeze: the event, and what it says.
#[derive(Debug, Clone)]
pub(super) struct Freeze {
    pub(super) seq: u64,
    pub(super) told: Entries,
    pub(super) derived: Derived,
}

/// An official ranking that was made public.
#[derive(Debug, Clone)]
pub(super) struct Official {
    pub(super) seq: u64,
    pub(super) version: u32,
    pub(super) ranking_sha256: Sha256,
    pub(super) results_sha256: Sha256,
    pub(super) entries: Vec<RankedCounts>,
    /// Who stood without a rank.
    pub(super) out: BTreeSet<LogParticipant>,
    pub(super) derived: Derived,
}

/// What the rule says of the entries.
#[derive(Debug, Clone)]
pub(super) enum Derived {
    /// These, and no others.
    Entries(Entries),
    /// The rule rests on dev scores that are not known: for each participant, what could stand.
    Candidates(BTreeMap<LogParticipant, BTreeSet<SubmissionId>>),
}

/// Dev scores, where they are known, each with the hash by which the log may know it.
pub(super) type DevScores = BTreeMap<SubmissionId, (RankingNumber, Sha256)>;

/// What a log says.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) submissions: BTreeMap<SubmissionId, Submission>,
    /// Whether the log begins before the track opened, so that it has all its submissions.
    pub(super) is_whole: bool,
    pub(super) freezes: Vec<Freeze>,
    pub(super) officials: Vec<Official>,
    /// The roots that were committed to, by the version of the labels.
    pub(super) roots: BTreeMap<u32, Sha256>,
    pub(super) shape_sha256: Option<Sha256>,
    pub(super) labels_opened: bool,
    /// Whether scores were made anew since.
    pub(super) is_rescored: bool,
    /// The value that the setting `entry_rule` was last given.
    pub(super) entry_rule: Option<String>,
    /// What contradicts itself.
    pub(super) contradictions: Vec<String>,
    choices: BTreeMap<LogParticipant, SubmissionId>,
    /// Whether the track is closed, whether its final scores were begun, and whether its ranking was revealed.
    is_closed: bool,
    final_has_begun: bool,
    is_revealed: bool,
    removed: BTreeSet<LogParticipant>,
    out: BTreeSet<LogParticipant>,
    merged: BTreeMap<LogParticipant, LogParticipant>,
}

impl History {
    /// Follows a log from its first event to its last. `rule` is the one that held at the close; `dev_scores` decide where
    /// it is `best`.
    pub(super) fn of(events: &[(LogHash, Logged)], rule: EntryRule, dev_scores: Option<&DevScores>) -> Self {
        let mut history = Self::default();
        for (_, logged) in events {
            history.follow(logged, rule, dev_scores);
        }
        history
    }

    fn follow(&mut self, logged: &Logged, rule: EntryRule, dev_scores: Option<&DevScores>) {
        let seq = logged.seq;
        match &logged.event {
            LogEvent::Step(Step { step, labels_opened, .. }) => {
                self.is_whole |= *step == StepName::Open;
                self.labels_opened |= *step == StepName::OpenLabels || *labels_opened == Some(true);
                match step {
                    StepName::Close => self.is_closed = true,
                    StepName::Reveal => self.is_revealed = true,
                    StepName::Reopen => {
                        // What was frozen is dropped, and frozen anew.
                        self.freezes.clear();
                        self.is_closed = false;
                    }
                    _ => {}
                }
            }
            LogEvent::Settings { field, new, .. } => {
                if field == "entry_rule" {
                    self.entry_rule = Some(new.clone());
                }
            }
            LogEvent::Import { shape_sha256 } => self.shape_sha256 = Some(*shape_sha256),
            LogEvent::Commitment { root, version } => self.commit(seq, *version, *root),
            LogEvent::Corrected { new_root, version, .. } => self.commit(seq, *version, *new_root),
            LogEvent::SubmissionAccepted { submission, participant, sha256, arrived_at } => {
                let taken = Submission {
                    participant: *participant,
                    sha256: *sha256,
                    arrived_at: *arrived_at,
                    accepted: seq,
                    result_hashes: Vec::new(),
                    disqualified: false,
                };
                if self.submissions.insert(*submission, taken).is_some() {
                    self.contradicts(seq, format!("submission {submission} was taken twice"));
                }
            }
            LogEvent::Scored { submission, result_sha256, .. } => {
                let hash = *result_sha256;
                self.change(seq, *submission, |submission| submission.result_hashes.push(hash));
            }
            LogEvent::EntryChosen { participant, submission } => {
                self.choices.insert(*participant, *submission);
                let owner = self.submissions.get(submission).map(|chosen| self.stands_for(chosen.participant));
                if owner.is_some_and(|owner| owner != *participant) {
                    self.contradicts(seq, format!("submission {submission} was chosen by another participant"));
                }
            }
            LogEvent::Disqualified { submission } => {
                self.change(seq, *submission, |submission| submission.disqualified = true);
            }
            LogEvent::Restored { submission } => {
                self.change(seq, *submission, |submission| submission.disqualified = false);
            }
            LogEvent::ParticipantRemoved { participant } => _ = self.removed.insert(*participant),
            LogEvent::ParticipantReturned { participant } => _ = self.removed.remove(participant),
            LogEvent::OutOfCompetition { participant, out: true } => _ = self.out.insert(*participant),
            LogEvent::OutOfCompetition { participant, out: false } => _ = self.out.remove(participant),
            LogEvent::EntriesFrozen { entries } => {
                let told = entries.iter().map(|FrozenEntry { participant, submission }| (*participant, *submission));
                let told: Entries = told.collect();
                if told.len() != entries.len() {
                    self.contradicts(seq, "a participant has two entries".to_owned());
                }
                if self.is_whole && !self.is_closed {
                    self.contradicts(seq, "entries were frozen while the track was open".to_owned());
                }
                let derived = self.derive(rule, dev_scores, seq);
                self.freezes.push(Freeze { seq, told, derived });
            }
            LogEvent::OfficialRanking { version, ranking_sha256, results_sha256, entries } => {
                let before = self.officials.last().map_or(0, |official| official.version);
                if *version != before + 1 {
                    self.contradicts(seq, format!("the ranking {version} follows the ranking {before}"));
                }
                if self.is_whole && !(self.final_has_begun && self.is_revealed) {
                    self.contradicts(seq, "a ranking was made before its final scores and the reveal".to_owned());
                }
                let Some(frozen) = self.freezes.last().map(|freeze| freeze.seq) else {
                    self.contradicts(seq, "a ranking was made of entries that were not frozen".to_owned());
                    return;
                };
                let derived = self.derive(rule, dev_scores, frozen);
                let (version, entries) = (*version, entries.clone());
                let (ranking_sha256, results_sha256) = (*ranking_sha256, *results_sha256);
                let out = self.out.clone();
                self.officials.push(Official { seq, version, ranking_sha256, results_sha256, entries, out, derived });
            }
            LogEvent::Merged { from, into } => {
                self.merged.insert(*from, *into);
                self.choices.remove(from);
                self.choices.remove(into);
            }
            LogEvent::Rescored { .. } => self.is_rescored = true,
            LogEvent::FinalBegun {} => self.final_has_begun = true,
            LogEvent::RestoredFromBackup {} => {}
        }
    }

    fn commit(&mut self, seq: u64, version: u32, root: Sha256) {
        if self.roots.insert(version, root).is_some_and(|before| before != root) {
            self.contradicts(seq, format!("version {version} of the labels has another root before"));
        }
    }

    fn change(&mut self, seq: u64, id: SubmissionId, change: impl FnOnce(&mut Submission)) {
        match self.submissions.get_mut(&id) {
            Some(submission) => change(submission),
            // What was taken before the track had a log is unknown to it.
            None if !self.is_whole => {}
            None => self.contradicts(seq, format!("submission {id} was never taken")),
        }
    }

    fn contradicts(&mut self, seq: u64, what: String) {
        self.contradictions.push(format!("event {seq}: {what}"));
    }

    /// Who has the submissions of a participant.
    fn stands_for(&self, participant: LogParticipant) -> LogParticipant {
        let mut last = participant;
        // At most as many steps as there are merges, so that a ring of them ends too.
        for _ in 0..self.merged.len() {
            let Some(next) = self.merged.get(&last) else { break };
            last = *next;
        }
        last
    }

    /// The entries that the rule picks now, among what was taken before the event `frozen`.
    fn derive(&self, rule: EntryRule, dev_scores: Option<&DevScores>, frozen: u64) -> Derived {
        let mut candidates: BTreeMap<LogParticipant, BTreeSet<SubmissionId>> = BTreeMap::new();
        for (id, submission) in &self.submissions {
            let owner = self.stands_for(submission.participant);
            let counts =
                submission.accepted < frozen && !submission.result_hashes.is_empty() && !submission.disqualified;
            if counts && !self.removed.contains(&owner) {
                candidates.entry(owner).or_default().insert(*id);
            }
        }
        let arrival = |id: &SubmissionId| (self.submissions.get(id).map(|submission| submission.arrived_at), *id);
        let latest = |of: &BTreeSet<SubmissionId>| of.iter().copied().max_by_key(arrival);
        let mut entries = Entries::new();
        for (participant, of) in &candidates {
            let standing = match rule {
                EntryRule::Latest => latest(of),
                EntryRule::Chosen => {
                    self.choices.get(participant).filter(|chosen| of.contains(chosen)).copied().or_else(|| latest(of))
                }
                EntryRule::Best => {
                    // A score that was made anew since is not the one that decided: the log has no hash of it.
                    let scored = |id: &SubmissionId| {
                        let (number, hash) = dev_scores?.get(id)?;
                        self.submissions.get(id)?.result_hashes.contains(hash).then_some((number, *id))
                    };
                    let Some(scored) = of.iter().map(scored).collect::<Option<Vec<_>>>() else {
                        return Derived::Candidates(candidates);
                    };
                    // The greatest number; of equal ones the earlier.
                    let best = scored
                        .into_iter()
                        .max_by(|(a, one), (b, other)| a.cmp(b).then_with(|| arrival(other).cmp(&arrival(one))));
                    best.map(|(_, id)| id)
                }
            };
            entries.extend(standing.map(|submission| (*participant, submission)));
        }
        Derived::Entries(entries)
    }
}
