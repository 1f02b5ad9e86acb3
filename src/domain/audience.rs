//! Who a view is made for. Every query of scores takes an audience, so that what may be seen is decided in
//! one place and not by scattered conditions.

use scoring::Split;

use super::track::Phase;

/// Who looks at a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anyone, without an account.
    Visitor,
    /// Somebody enrolled in the track.
    Participant,
    /// The participant whose submission it is.
    Owner,
    /// Staff of the competition.
    Organiser,
}

impl Audience {
    /// The splits whose scores this audience may see while the track is in `phase`.
    ///
    /// Before the reveal nobody sees a final score; before the close there is none to see.
    pub fn visible_splits(self, phase: Phase) -> &'static [Split] {
        if phase.is_revealed() { &[Split::Dev, Split::Final] } else { &[Split::Dev] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_audience_sees_a_final_score_before_the_reveal() {
        for audience in [Audience::Visitor, Audience::Participant, Audience::Owner, Audience::Organiser] {
            for phase in [Phase::Draft, Phase::Open, Phase::Closed] {
                assert_eq!(audience.visible_splits(phase), [Split::Dev], "{audience:?} {phase:?}");
            }
            for phase in [Phase::Revealed, Phase::Benchmark] {
                assert_eq!(audience.visible_splits(phase), [Split::Dev, Split::Final]);
            }
        }
    }
}
