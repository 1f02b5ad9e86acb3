//! Where a track stands in time, and the one table of what each phase allows. What depends on the
//! dates too is asked of [`Stage`].

use time::OffsetDateTime;

/// Where a track stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "track_phase", rename_all = "lowercase")]
pub enum Phase {
    /// Being prepared: not listed, takes no submissions but trials of organisers.
    Draft,
    /// Takes submissions; the dev board is live.
    Open,
    /// Takes no more; the final split is scored and checked.
    Closed,
    /// The final ranking is public.
    Revealed,
    /// Revealed, and open again for entries that stand beside the official ranking.
    Benchmark,
}

/// When a track opens and closes; `None` is "not set".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dates {
    /// No submission is taken before this instant.
    pub opens_at: Option<OffsetDateTime>,
    /// No submission is taken at or after this instant.
    pub closes_at: Option<OffsetDateTime>,
}

/// Something people ask of a track that depends on its phase and its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Enrol.
    Enrol,
    /// Download the files for participants. Organisers may at any time.
    Download,
    /// Submit.
    Submit,
}

impl Act {
    /// All acts.
    pub const ALL: [Self; 3] = [Self::Enrol, Self::Download, Self::Submit];
}

/// When, within a phase, an act is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Yes,
    FromOpening,
    NotYet,
    NoLonger,
}

/// Why an act is refused now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its time has not come; the instant it does, where one is set.
    NotYet(Option<OffsetDateTime>),
    /// Its time is over; the instant the track closed, where one is set.
    NoLonger(Option<OffsetDateTime>),
    /// It came in time, but was not decided in time: [`GRACE`] after the close nothing is taken any more.
    TooLateToDecide,
}

/// How long after the close an upload is still taken whose last byte came before it: its check may take a while.
pub const GRACE: time::Duration = time::Duration::minutes(2);

/// What one phase allows: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseRules {
    enrol: Allowed,
    download: Allowed,
    submit: Allowed,
    /// Whether organisers who take part submit trials: scored on dev, in no log, and gone at the opening.
    pub takes_trials: bool,
    /// Whether lists, counts and the board show the track to everybody, or to its organisers alone.
    pub is_listed: bool,
    /// Whether the dev board follows new scores; otherwise its entries stand.
    pub dev_entries_move: bool,
    /// Whether the board's page waits for changes.
    pub board_is_live: bool,
    /// Whether what is submitted is for the benchmark board, which is live; the official boards stand.
    pub is_benchmark: bool,
    /// Whether scenarios, models, challenge points, labels and the ranking rule can be replaced: nothing was scored
    /// against them yet.
    pub truth_can_change: bool,
    /// Whether the rule that picks entries can change.
    pub entry_rule_can_change: bool,
    /// Whether the official entries can be frozen and their first final scores be made.
    pub final_can_begin: bool,
    /// Whether labels are corrected by a step of their own, which says why; before, they are imported anew.
    pub labels_are_corrected: bool,
    /// Whether final scores are public.
    pub final_is_public: bool,
    /// Whether organisers approve those who wait, or were never approved.
    pub approves: bool,
    /// Whether organisers say why they deny, withdraw or restore a participant.
    pub removing_needs_a_reason: bool,
    /// Whether participants withdraw by themselves, with all of theirs.
    pub participants_may_leave: bool,
}

impl Phase {
    /// All phases, in the order in which a track passes through them.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Open, Self::Closed, Self::Revealed, Self::Benchmark];

    /// What the phase allows.
    pub const fn rules(self) -> PhaseRules {
        const NO: bool = false;
        const YES: bool = true;
        match self {
            Self::Draft => PhaseRules {
                // Whoever was told the address of a draft may enrol.
                enrol: Allowed::Yes,
                download: Allowed::NotYet,
                submit: Allowed::NotYet,
                takes_trials: YES,
                is_listed: NO,
                dev_entries_move: YES,
                board_is_live: YES,
                is_benchmark: NO,
                truth_can_change: YES,
                entry_rule_can_change: YES,
                final_can_begin: NO,
                labels_are_corrected: NO,
                final_is_public: NO,
                approves: YES,
                removing_needs_a_reason: NO,
                participants_may_leave: YES,
            },
            Self::Open => PhaseRules {
                enrol: Allowed::Yes,
                download: Allowed::FromOpening,
                submit: Allowed::FromOpening,
                takes_trials: NO,
                is_listed: YES,
                dev_entries_move: YES,
                board_is_live: YES,
                is_benchmark: NO,
                truth_can_change: NO,
                entry_rule_can_change: YES,
                final_can_begin: NO,
                labels_are_corrected: YES,
                final_is_public: NO,
                approves: YES,
                removing_needs_a_reason: NO,
                participants_may_leave: YES,
            },
            Self::Closed => PhaseRules {
                enrol: Allowed::NoLonger,
                download: Allowed::Yes,
                submit: Allowed::NoLonger,
                takes_trials: NO,
                is_listed: YES,
                // What was handed in before the close is still being scored.
                dev_entries_move: YES,
                board_is_live: YES,
                is_benchmark: NO,
                truth_can_change: NO,
                entry_rule_can_change: NO,
                final_can_begin: YES,
                labels_are_corrected: YES,
                final_is_public: NO,
                approves: NO,
                removing_needs_a_reason: YES,
                participants_may_leave: YES,
            },
            Self::Revealed => PhaseRules {
                enrol: Allowed::NoLonger,
                download: Allowed::Yes,
                submit: Allowed::NoLonger,
                takes_trials: NO,
                is_listed: YES,
                dev_entries_move: NO,
                board_is_live: NO,
                is_benchmark: NO,
                truth_can_change: NO,
                entry_rule_can_change: NO,
                final_can_begin: NO,
                labels_are_corrected: YES,
                final_is_public: YES,
                approves: NO,
                removing_needs_a_reason: YES,
                participants_may_leave: NO,
            },
            Self::Benchmark => PhaseRules {
                enrol: Allowed::Yes,
                download: Allowed::Yes,
                submit: Allowed::Yes,
                takes_trials: NO,
                is_listed: YES,
                dev_entries_move: NO,
                board_is_live: NO,
                is_benchmark: YES,
                truth_can_change: NO,
                entry_rule_can_change: NO,
                final_can_begin: NO,
                labels_are_corrected: YES,
                final_is_public: YES,
                approves: YES,
                removing_needs_a_reason: NO,
                participants_may_leave: NO,
            },
        }
    }

    /// The word shown to people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Revealed => "revealed",
            Self::Benchmark => "benchmark",
        }
    }
}

/// A track's phase together with its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// The phase as it is written.
    pub phase: Phase,
    /// When the track opens and closes.
    pub dates: Dates,
}

impl Stage {
    /// The phase that holds at `now`: past its closing date an open track counts as closed, whether or not
    /// anybody wrote that down. All comparisons are of instants, so no time zone or clock change matters.
    pub fn phase_at(self, now: OffsetDateTime) -> Phase {
        match self.phase {
            Phase::Open if self.dates.closes_at.is_some_and(|closes| now >= closes) => Phase::Closed,
            phase => phase,
        }
    }

    /// What holds at `now`.
    pub fn rules_at(self, now: OffsetDateTime) -> PhaseRules {
        self.phase_at(now).rules()
    }

    /// Whether somebody may do `act` at `now`. Of an upload, `now` is the instant at which it had arrived whole: begun
    /// before the closing date and finished after it is late.
    ///
    /// # Errors
    /// Says whether it is too early or too late, and the date that decides.
    pub fn admit(self, act: Act, now: OffsetDateTime) -> Result<(), Refusal> {
        let rules = self.rules_at(now);
        let allowed = match act {
            Act::Enrol => rules.enrol,
            Act::Download => rules.download,
            Act::Submit => rules.submit,
        };
        match allowed {
            Allowed::Yes => Ok(()),
            Allowed::FromOpening if self.dates.opens_at.is_none_or(|opens| opens <= now) => Ok(()),
            Allowed::FromOpening | Allowed::NotYet => Err(Refusal::NotYet(self.dates.opens_at)),
            Allowed::NoLonger => Err(Refusal::NoLonger(self.dates.closes_at)),
        }
    }
}

impl Stage {
    /// Whether what this sender submits is a trial: an organiser's, while the track is being prepared.
    pub fn is_trial(self, is_organiser: bool) -> bool {
        is_organiser && self.phase.rules().takes_trials
    }

    /// Whether an upload is taken whose last byte came at `arrived`, where the decision falls at `decided`.
    ///
    /// # Errors
    /// It came too early or too late, or it came in time and the grace after the close is over.
    pub fn admit_upload(self, arrived: OffsetDateTime, decided: OffsetDateTime) -> Result<(), Refusal> {
        // It was on its way when the track closed, whether or not anybody has written that down since.
        let closed_on_the_way = self.phase == Phase::Closed && self.dates.closes_at.is_some_and(|at| arrived < at);
        let at_arrival = Self { phase: if closed_on_the_way { Phase::Open } else { self.phase }, ..self };
        at_arrival.admit(Act::Submit, arrived)?;
        match self.dates.closes_at {
            Some(closes) if at_arrival.phase == Phase::Open && decided >= closes + GRACE => {
                Err(Refusal::TooLateToDecide)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const OPENS: OffsetDateTime = datetime!(2026-11-01 00:00 UTC);
    const CLOSES: OffsetDateTime = datetime!(2026-12-01 00:00 UTC);
    const BOTH: Dates = Dates { opens_at: Some(OPENS), closes_at: Some(CLOSES) };

    const OK: Result<(), Refusal> = Ok(());
    const EARLY: Result<(), Refusal> = Err(Refusal::NotYet(Some(OPENS)));
    const LATE: Result<(), Refusal> = Err(Refusal::NoLonger(Some(CLOSES)));

    /// Every phase and every act, before the opening, between the dates, and from the close on.
    #[test]
    fn every_phase_admits_exactly_what_its_row_says() {
        use Phase::{Benchmark, Closed, Draft, Open, Revealed};
        let table = [
            //         enrol             download             submit
            (Draft, [[OK, OK, OK], [EARLY, EARLY, EARLY], [EARLY, EARLY, EARLY]]),
            (Open, [[OK, OK, LATE], [EARLY, OK, OK], [EARLY, OK, LATE]]),
            (Closed, [[LATE, LATE, LATE], [OK, OK, OK], [LATE, LATE, LATE]]),
            (Revealed, [[LATE, LATE, LATE], [OK, OK, OK], [LATE, LATE, LATE]]),
            (Benchmark, [[OK, OK, OK], [OK, OK, OK], [OK, OK, OK]]),
        ];
        assert_eq!(table.map(|(phase, _)| phase), Phase::ALL);
        let instants = [OPENS - Duration::MICROSECOND, OPENS, CLOSES];
        for (phase, acts) in table {
            let stage = Stage { phase, dates: BOTH };
            for (act, expected) in Act::ALL.into_iter().zip(acts) {
                assert_eq!(instants.map(|now| stage.admit(act, now)), expected, "{phase:?} {act:?}");
            }
        }
    }

    #[test]
    fn the_last_instant_before_the_close_is_in_time() {
        let stage = Stage { phase: Phase::Open, dates: BOTH };
        assert_eq!(stage.admit(Act::Submit, CLOSES - Duration::MICROSECOND), OK);
        assert_eq!(stage.admit(Act::Enrol, CLOSES - Duration::MICROSECOND), OK);
    }

    #[test]
    fn an_upload_on_its_way_at_the_close_is_taken_for_two_minutes() {
        let before = CLOSES - Duration::MICROSECOND;
        for phase in [Phase::Open, Phase::Closed] {
            let stage = Stage { phase, dates: BOTH };
            assert_eq!(stage.admit_upload(before, before), OK);
            assert_eq!(stage.admit_upload(before, CLOSES + GRACE - Duration::MICROSECOND), OK);
            assert_eq!(stage.admit_upload(before, CLOSES + GRACE), Err(Refusal::TooLateToDecide));
            assert_eq!(stage.admit_upload(CLOSES, CLOSES), LATE, "{phase:?}");
            assert_eq!(stage.admit_upload(CLOSES, CLOSES + GRACE), LATE, "{phase:?}");
            assert_eq!(stage.admit_upload(OPENS - Duration::MICROSECOND, before), EARLY, "{phase:?}");
        }
        let revealed = Stage { phase: Phase::Revealed, dates: BOTH };
        assert_eq!(revealed.admit_upload(before, before), LATE);
        // A benchmark has no closing date.
        let benchmark = Stage { phase: Phase::Benchmark, dates: BOTH };
        assert_eq!(benchmark.admit_upload(CLOSES + GRACE, CLOSES + GRACE), OK);
        assert_eq!(
            Stage { phase: Phase::Closed, dates: Dates::default() }.admit_upload(before, before),
            Err(Refusal::NoLonger(None))
        );
        assert_eq!(Stage { phase: Phase::Open, dates: Dates::default() }.admit_upload(before, CLOSES), OK);
    }

    #[test]
    fn organisers_alone_submit_trials_and_before_the_opening_alone() {
        for phase in Phase::ALL {
            let stage = Stage { phase, dates: BOTH };
            assert_eq!(stage.is_trial(true), phase == Phase::Draft, "{phase:?}");
            assert!(!stage.is_trial(false), "{phase:?}");
        }
    }

    #[test]
    fn a_date_that_is_not_set_refuses_nothing() {
        let stage = Stage { phase: Phase::Open, dates: Dates::default() };
        for act in Act::ALL {
            for now in [OPENS, CLOSES] {
                assert_eq!(stage.admit(act, now), OK, "{act:?}");
            }
        }
    }

    #[test]
    fn past_its_date_an_open_track_has_the_rules_of_a_closed_one() {
        let stage = Stage { phase: Phase::Open, dates: BOTH };
        assert_eq!(stage.rules_at(CLOSES), Phase::Closed.rules());
        assert_eq!(stage.rules_at(CLOSES - Duration::MICROSECOND), Phase::Open.rules());
        // No date opens, closes or reveals a track that stands elsewhere.
        for phase in [Phase::Draft, Phase::Closed, Phase::Revealed, Phase::Benchmark] {
            for now in [OPENS - Duration::DAY, OPENS, CLOSES, CLOSES + Duration::DAY] {
                assert_eq!(Stage { phase, dates: BOTH }.phase_at(now), phase);
            }
        }
    }

    /// The columns that depend on the phase alone, written out a second time so that none changes by mistake.
    #[test]
    fn the_other_columns_of_the_table_are_these() {
        let column = |of: fn(PhaseRules) -> bool| Phase::ALL.map(|phase| of(phase.rules()));
        //                                                 draft  open   closed revealed benchmark
        assert_eq!(column(|rules| rules.takes_trials), [true, false, false, false, false]);
        assert_eq!(column(|rules| rules.is_listed), [false, true, true, true, true]);
        assert_eq!(column(|rules| rules.dev_entries_move), [true, true, true, false, false]);
        assert_eq!(column(|rules| rules.board_is_live), [true, true, true, false, false]);
        assert_eq!(column(|rules| rules.is_benchmark), [false, false, false, false, true]);
        assert_eq!(column(|rules| rules.truth_can_change), [true, false, false, false, false]);
        assert_eq!(column(|rules| rules.entry_rule_can_change), [true, true, false, false, false]);
        assert_eq!(column(|rules| rules.final_can_begin), [false, false, true, false, false]);
        assert_eq!(column(|rules| rules.labels_are_corrected), [false, true, true, true, true]);
        assert_eq!(column(|rules| rules.final_is_public), [false, false, false, true, true]);
        assert_eq!(column(|rules| rules.approves), [true, true, false, false, true]);
        assert_eq!(column(|rules| rules.removing_needs_a_reason), [false, false, true, true, false]);
        assert_eq!(column(|rules| rules.participants_may_leave), [true, true, true, false, false]);
    }
}
