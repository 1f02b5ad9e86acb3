//! Who may see what: audience, phase and ownership are judged here and nowhere else.
//!
//! Every query that reads a score takes a [`VisibleSplit`], and only this module can make one. So whoever forgets to ask
//! whether somebody may see a score has nothing to ask the database with.

use scoring::Split;

use super::ids::{BatchId, ParticipantId, SubmissionId, TrackId};
use super::participant::ParticipantStatus;
use super::phase::Phase;

/// Who a view is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anyone, without an account or not taking part.
    Visitor,
    /// An approved participant of the track.
    Participant,
    /// The participant whose submission it is.
    Owner,
    /// Staff of the competition.
    Organiser,
}

/// The permission to read scores of one split of one thing: a track's board (`VisibleSplit<TrackId>`), a submission
/// (`VisibleSplit<SubmissionId>`) or a participant (`VisibleSplit<ParticipantId>`).
///
/// It cannot be made by hand, so that a hidden score cannot be asked for:
///
/// ```compile_fail,E0451
/// use callimico::domain::ids::TrackId;
/// use callimico::domain::visibility::VisibleSplit;
///
/// let track = TrackId::generate();
/// let hidden = VisibleSplit { of: track, split: scoring::Split::Final };
/// ```
///
/// Nor turned from one split into another:
///
/// ```compile_fail,E0616
/// use callimico::domain::ids::TrackId;
/// use callimico::domain::phase::Phase;
/// use callimico::domain::visibility::TrackAccess;
///
/// let access = TrackAccess::visitor(TrackId::generate(), Phase::Open);
/// let mut board = access.board(scoring::Split::Dev).unwrap();
/// board.split = scoring::Split::Final;
/// ```
///
/// It comes from what somebody may see:
///
/// ```
/// use callimico::domain::ids::TrackId;
/// use callimico::domain::phase::Phase;
/// use callimico::domain::visibility::TrackAccess;
/// use scoring::Split;
///
/// let track = TrackId::generate();
/// let open = TrackAccess::visitor(track, Phase::Open);
/// let board = open.board(Split::Dev).unwrap();
/// assert_eq!((board.of(), board.split()), (track, Split::Dev));
/// assert!(open.board(Split::Final).is_none());
/// assert!(TrackAccess::visitor(track, Phase::Revealed).board(Split::Final).is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibleSplit<Of> {
    of: Of,
    split: Split,
}

impl<Of: Copy> VisibleSplit<Of> {
    /// Whose scores may be read.
    pub fn of(self) -> Of {
        self.of
    }

    /// Which split's.
    pub fn split(self) -> Split {
        self.split
    }
}

/// A participant's scores, as the entry rule compares them. They are shown to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidates(ParticipantId);

impl Candidates {
    /// Whose scores they are.
    pub fn participant(self) -> ParticipantId {
        self.0
    }
}

impl VisibleSplit<Candidates> {
    /// The dev scores among which the entry rule picks, whoever asks: none of them is final, and the one query that takes
    /// this answers no numbers that a page could show.
    pub fn for_entry_rule(participant: ParticipantId) -> Self {
        Self { of: Candidates(participant), split: Split::Dev }
    }
}

/// The final scores of a track's official entries, as the official ranking is made of them and as organisers are told how
/// many are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfficialScores(TrackId);

impl OfficialScores {
    /// Of which track.
    pub fn track(self) -> TrackId {
        self.0
    }
}

impl VisibleSplit<OfficialScores> {
    /// For the service that makes the official ranking, and for nobody to look at.
    pub fn for_official_ranking(track: TrackId) -> Self {
        Self { of: OfficialScores(track), split: Split::Final }
    }
}

/// The dev scores of a track, all of them, for the export that its organisers keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullExport(TrackId);

impl FullExport {
    /// Of which track.
    pub fn track(self) -> TrackId {
        self.0
    }
}

impl VisibleSplit<FullExport> {
    /// For a command on the server's own machine, whose user reads the database anyway, once the final ranking is public.
    pub fn for_full_export(track: TrackId, phase: Phase) -> Option<Self> {
        phase.rules().final_is_public.then_some(Self { of: FullExport(track), split: Split::Dev })
    }
}

/// The scores among which the benchmark board picks: of official entries and of what was sent to the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchmarkScores(TrackId);

impl BenchmarkScores {
    /// Of which track.
    pub fn track(self) -> TrackId {
        self.0
    }
}

impl VisibleSplit<BenchmarkScores> {
    /// The official board of the same split: whoever may see the one sees the other.
    pub fn official(self) -> VisibleSplit<TrackId> {
        VisibleSplit { of: self.of.0, split: self.split }
    }
}

/// The final scores of a track before they are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preview(TrackId);

/// Something whose scores are shown as a board.
pub trait OnABoard: Copy {
    /// Of which track.
    fn track(self) -> TrackId;
}

impl OnABoard for TrackId {
    fn track(self) -> TrackId {
        self
    }
}

impl OnABoard for Preview {
    fn track(self) -> TrackId {
        self.0
    }
}

impl<Of: OnABoard> VisibleSplit<Of> {
    /// Whose board it is on.
    pub fn track(self) -> TrackId {
        self.of.track()
    }
}

impl VisibleSplit<Preview> {
    /// For a command on the server's own machine, whose user reads the database anyway; in the closed phase alone, and once
    /// final scores may exist.
    pub fn on_the_server(track: TrackId, phase: Phase, final_has_begun: bool) -> Option<Self> {
        (phase == Phase::Closed && final_has_begun).then_some(Self { of: Preview(track), split: Split::Final })
    }
}

/// What a rescoring would change; of the final split only where that may be seen, too.
impl VisibleSplit<BatchId> {
    /// For a command on the server's own machine: dev scores always, final ones once they may exist.
    pub fn difference_on_the_server(batch: BatchId, final_has_begun: bool) -> Self {
        Self { of: batch, split: if final_has_begun { Split::Final } else { Split::Dev } }
    }

    /// Whether it reaches to the final split.
    pub fn with_final(self) -> bool {
        self.split == Split::Final
    }
}

/// The permission to read what results are made of: both splits of a track's official entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibleResults {
    /// Their dev scores.
    pub dev: VisibleSplit<TrackId>,
    /// Their final scores.
    pub of_final: VisibleSplit<TrackId>,
}

/// What one client may see of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackAccess {
    track: TrackId,
    phase: Phase,
    is_staff: bool,
    participant: Option<(ParticipantId, ParticipantStatus)>,
}

impl TrackAccess {
    /// Of somebody about whom nothing is known.
    pub fn visitor(track: TrackId, phase: Phase) -> Self {
        Self { track, phase, is_staff: false, participant: None }
    }

    /// Of an account: whether it is staff of the competition, and which of the track's participants it is a member of,
    /// as the database has it.
    pub fn account(
        track: TrackId,
        phase: Phase,
        is_staff: bool,
        participant: Option<(ParticipantId, ParticipantStatus)>,
    ) -> Self {
        Self { track, phase, is_staff, participant }
    }

    /// Who a view of the track is made for.
    pub fn audience(self) -> Audience {
        match self.participant {
            _ if self.is_staff => Audience::Organiser,
            Some((_, ParticipantStatus::Approved)) => Audience::Participant,
            _ => Audience::Visitor,
        }
    }

    /// The client's own enrolment, where it has one.
    pub fn enrolment(self) -> Option<(ParticipantId, ParticipantStatus)> {
        self.participant
    }

    /// Whether participants and entries of the track are counted for this client: of a draft, for organisers alone, whose
    /// trials the entries are.
    pub fn sees_counts(self) -> bool {
        self.phase.rules().is_listed || self.audience() == Audience::Organiser
    }

    /// Whether the client may read the track's log and commitment: those of a draft become public at its opening.
    pub fn sees_log(self) -> bool {
        self.phase.rules().is_listed || self.is_staff
    }

    /// The board of a split; `None` where it is hidden. On that of a draft are trials of organisers, for organisers.
    pub fn board(self, split: Split) -> Option<VisibleSplit<TrackId>> {
        let is_shown = self.phase.rules().is_listed || self.is_staff;
        (is_shown && self.sees(split)).then_some(VisibleSplit { of: self.track, split })
    }

    /// The benchmark board of a split, where there is or was a benchmark; `None` where it is hidden.
    pub fn benchmark(self, split: Split, has_begun: bool) -> Option<VisibleSplit<BenchmarkScores>> {
        let is_shown = has_begun && self.sees(Split::Final) && self.sees(split);
        is_shown.then_some(VisibleSplit { of: BenchmarkScores(self.track), split })
    }

    /// The results; `None` before the reveal.
    pub fn results(self) -> Option<VisibleResults> {
        Some(VisibleResults { dev: self.board(Split::Dev)?, of_final: self.board(Split::Final)? })
    }

    /// The final ranking before the reveal: for organisers, once final scores may exist. `None` for everybody else, and in
    /// every other phase.
    pub fn preview(self, final_has_begun: bool) -> Option<VisibleSplit<Preview>> {
        match self.is_staff {
            true => VisibleSplit::on_the_server(self.track, self.phase, final_has_begun),
            false => None,
        }
    }

    /// What a rescoring of the track would change: for organisers alone.
    pub fn difference(self, batch: BatchId, final_has_begun: bool) -> Option<VisibleSplit<BatchId>> {
        self.is_staff.then(|| VisibleSplit::difference_on_the_server(batch, final_has_begun))
    }

    /// The client's own dev scores; `None` for somebody who was never enrolled.
    pub fn own_dev_scores(self) -> Option<VisibleSplit<ParticipantId>> {
        self.participant.map(|(participant, _)| VisibleSplit { of: participant, split: Split::Dev })
    }

    /// A submission of `sender`, a participant of this track; `None` where it does not exist for this client.
    pub fn submission(self, submission: SubmissionId, sender: ParticipantId) -> Option<SubmissionAccess> {
        let audience = match self.participant {
            // Whoever sent it keeps it, also when they were denied since or withdrew.
            Some((participant, _)) if participant == sender => Audience::Owner,
            _ if self.is_staff => Audience::Organiser,
            _ => return None,
        };
        Some(SubmissionAccess { track: self, submission, audience })
    }

    /// Dev scores are never hidden. Final ones do not exist before the close, and nobody sees them before the reveal.
    fn sees(self, split: Split) -> bool {
        match split {
            Split::Dev => true,
            Split::Final => self.phase.rules().final_is_public,
            // Their labels are public, so nobody is scored on them.
            Split::Train => false,
        }
    }
}

/// What one client may see of one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmissionAccess {
    track: TrackAccess,
    submission: SubmissionId,
    audience: Audience,
}

impl SubmissionAccess {
    /// Who the view is made for: its owner or an organiser.
    pub fn audience(self) -> Audience {
        self.audience
    }

    /// What the client may see of the track it was sent to.
    pub fn track(self) -> TrackAccess {
        self.track
    }

    /// Its scores on a split; `None` where they are hidden.
    pub fn scores(self, split: Split) -> Option<VisibleSplit<SubmissionId>> {
        self.track.sees(split).then_some(VisibleSplit { of: self.submission, split })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: [ParticipantStatus; 4] = [
        ParticipantStatus::Pending,
        ParticipantStatus::Approved,
        ParticipantStatus::Denied,
        ParticipantStatus::Withdrawn,
    ];

    /// Everybody there is: a visitor, an account that never enrolled, every kind of participant, and staff of each.
    fn everybody(phase: Phase, participant: ParticipantId) -> Vec<TrackAccess> {
        let track = TrackId::generate();
        let mut all = vec![TrackAccess::visitor(track, phase)];
        for is_staff in [false, true] {
            all.push(TrackAccess::account(track, phase, is_staff, None));
            let enrolled = |status| TrackAccess::account(track, phase, is_staff, Some((participant, status)));
            all.extend(STATUSES.map(enrolled));
        }
        all
    }

    #[test]
    fn nobody_sees_a_final_score_before_the_reveal_and_everybody_the_dev_board_from_the_opening_on() {
        for phase in Phase::ALL {
            let revealed = matches!(phase, Phase::Revealed | Phase::Benchmark);
            let own = ParticipantId::generate();
            for access in everybody(phase, own) {
                assert_eq!(access.board(Split::Final).is_some(), revealed, "{access:?}");
                let dev = (phase != Phase::Draft || access.is_staff).then_some(access.track);
                assert_eq!(access.board(Split::Dev).map(VisibleSplit::of), dev, "{access:?}");
                assert_eq!(access.board(Split::Train), None);
                if let Some(seen) = access.submission(SubmissionId::generate(), own) {
                    assert_eq!(seen.scores(Split::Final).is_some(), revealed, "{access:?}");
                    assert_eq!(seen.scores(Split::Dev).map(VisibleSplit::split), Some(Split::Dev), "{access:?}");
                    assert_eq!(seen.scores(Split::Train), None);
                }
            }
        }
    }

    #[test]
    fn the_benchmark_board_is_there_after_the_reveal_where_there_was_a_benchmark() {
        for phase in Phase::ALL {
            let revealed = matches!(phase, Phase::Revealed | Phase::Benchmark);
            for access in everybody(phase, ParticipantId::generate()) {
                for split in [Split::Dev, Split::Final] {
                    assert_eq!(access.benchmark(split, true).is_some(), revealed, "{access:?}");
                    assert!(access.benchmark(split, false).is_none(), "{access:?}");
                }
                assert!(access.benchmark(Split::Train, true).is_none(), "{access:?}");
            }
        }
    }

    #[test]
    fn organisers_alone_see_the_final_ranking_before_the_reveal_once_it_has_begun() {
        for phase in Phase::ALL {
            for access in everybody(phase, ParticipantId::generate()) {
                let seen = access.preview(true).is_some();
                assert_eq!(seen, phase == Phase::Closed && access.is_staff, "{access:?}");
                assert!(access.preview(false).is_none(), "{access:?}");
            }
        }
    }

    #[test]
    fn a_submission_exists_for_its_participant_and_for_staff_alone() {
        for phase in Phase::ALL {
            let (own, other) = (ParticipantId::generate(), ParticipantId::generate());
            let submission = SubmissionId::generate();
            for access in everybody(phase, own) {
                let audience = |sender| access.submission(submission, sender).map(SubmissionAccess::audience);
                let staff = access.is_staff.then_some(Audience::Organiser);
                assert_eq!(audience(other), staff, "{access:?}");
                let owner = access.participant.is_some().then_some(Audience::Owner);
                assert_eq!(audience(own), owner.or(staff), "{access:?}");
            }
        }
    }

    #[test]
    fn only_approved_participants_are_an_audience_of_their_own() {
        let (track, own) = (TrackId::generate(), ParticipantId::generate());
        for status in STATUSES {
            let access = |is_staff| TrackAccess::account(track, Phase::Open, is_staff, Some((own, status)));
            let approved = status == ParticipantStatus::Approved;
            assert_eq!(access(false).audience(), if approved { Audience::Participant } else { Audience::Visitor });
            assert_eq!(access(true).audience(), Audience::Organiser);
            // One's own history stays one's own.
            assert_eq!(access(false).own_dev_scores().map(VisibleSplit::of), Some(own));
        }
        assert_eq!(TrackAccess::visitor(track, Phase::Open).own_dev_scores(), None);
    }

    #[test]
    fn a_draft_counts_nothing_but_for_organisers() {
        for access in everybody(Phase::Draft, ParticipantId::generate()) {
            assert_eq!(access.sees_counts(), access.is_staff, "{access:?}");
            assert_eq!(access.sees_log(), access.is_staff, "{access:?}");
        }
        assert!(TrackAccess::visitor(TrackId::generate(), Phase::Open).sees_counts());
        assert!(TrackAccess::visitor(TrackId::generate(), Phase::Open).sees_log());
    }
}
