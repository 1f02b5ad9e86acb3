//! ranking.json from counts: the order, the ranks, nothing else. Format 1 is frozen: the same entries make the same bytes for
//! ever.

use scoring::{RankingCounts, RankingKind, RankingNumber, RankingNumberError};
use time::OffsetDateTime;

use crate::domain::ids::SubmissionId;
use crate::domain::log_event::LogParticipant;
use crate::domain::official_ranking::{RankingFile, RankingFileEntry};

/// An official entry with what decides its place.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Whose entry it is.
    pub participant: LogParticipant,
    /// The submission.
    pub submission: SubmissionId,
    /// When its last byte came; of equal entries the earlier stands first.
    pub arrived_at: OffsetDateTime,
    /// Whether it stands in its order without a rank.
    pub out_of_competition: bool,
    /// The counts of each scenario at the point that decides; `None`: left out.
    pub counts: Vec<Option<RankingCounts>>,
}

/// Ranks entries: the greatest number first, equal ones share a rank and the next is skipped. What stands out of competition has
/// none and takes none.
///
/// # Errors
/// Counts that are those of no score.
pub fn ranking_file(
    number: RankingKind,
    scenarios: &[String],
    entries: Vec<Counted>,
) -> Result<RankingFile, RankingNumberError> {
    let number_of = |entry: Counted| {
        let decides = entry.counts.iter().map(|counts| counts.map(|counts| (counts.tp, counts.members)));
        Ok((RankingNumber::new(number, decides.collect())?, entry))
    };
    let mut entries: Vec<(RankingNumber, Counted)> = entries.into_iter().map(number_of).collect::<Result<_, _>>()?;
    entries.sort_by(|(a, one), (b, other)| {
        b.cmp(a).then_with(|| (one.arrived_at, one.submission).cmp(&(other.arrived_at, other.submission)))
    });
    let mut ranked: Vec<RankingFileEntry> = Vec::with_capacity(entries.len());
    // The competing entry above, and how many compete so far.
    let (mut above, mut competing) = (None::<(&RankingNumber, u32)>, 0);
    let plain = |counts: RankingCounts| [counts.tp, counts.members, counts.fp, counts.non_members];
    for (decides, entry) in &entries {
        let rank = (!entry.out_of_competition).then(|| {
            competing += 1;
            above.filter(|(above, _)| *above == decides).map_or(competing, |(_, rank)| rank)
        });
        above = rank.map(|rank| (decides, rank)).or(above);
        ranked.push(RankingFileEntry {
            participant: entry.participant,
            submission: entry.submission,
            rank,
            counts: entry.counts.iter().map(|counts| counts.map(plain)).collect(),
        });
    }
    Ok(RankingFile { format: 1, number: number.name().to_owned(), scenarios: scenarios.to_vec(), entries: ranked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;
    use uuid::Uuid;

    fn entry(id: u128, minute: i64, tp: u64) -> Counted {
        let counts = RankingCounts { tp, members: 10, fp: tp / 2, non_members: 20 };
        Counted {
            participant: Uuid::from_u128(100 + id).into(),
            submission: Uuid::from_u128(id).into(),
            arrived_at: datetime!(2026-12-01 12:00 UTC) + time::Duration::minutes(minute),
            out_of_competition: false,
            counts: vec![Some(counts), None],
        }
    }

    #[test]
    fn equal_entries_share_a_rank_and_the_earlier_stands_first() {
        let entries = vec![entry(1, 3, 4), entry(2, 2, 4), entry(3, 1, 9), entry(4, 0, 2)];
        let file = ranking_file(RankingKind::Mean, &["a".into(), "b".into()], entries).expect("sound counts");
        let order: Vec<_> =
            file.entries.iter().map(|entry| (entry.submission.as_uuid().as_u128(), entry.rank)).collect();
        assert_eq!(order, [(3, Some(1)), (2, Some(2)), (1, Some(2)), (4, Some(4))]);
    }

    #[test]
    fn what_is_out_of_competition_has_its_place_and_no_rank() {
        let mut entries = vec![entry(1, 3, 4), entry(2, 2, 4), entry(3, 1, 9), entry(4, 0, 2), entry(5, 4, 4)];
        entries[1].out_of_competition = true;
        entries[2].out_of_competition = true;
        let file = ranking_file(RankingKind::Mean, &["a".into(), "b".into()], entries).expect("sound counts");
        let order: Vec<_> =
            file.entries.iter().map(|entry| (entry.submission.as_uuid().as_u128(), entry.rank)).collect();
        assert_eq!(order, [(3, None), (2, None), (1, Some(1)), (5, Some(1)), (4, Some(3))]);
    }

    /// Format 1, byte for byte. This test is never changed.
    #[test]
    fn the_bytes_are_frozen() {
        let file = ranking_file(RankingKind::Max, &["a".into(), "b".into()], vec![entry(1, 0, 4), entry(2, 0, 4)]);
        let expected = concat!(
            r#"{"format":1,"number":"max_TPR_FPR_1000","scenarios":["a","b"],"entries":["#,
            r#"{"participant":"00000000-0000-0000-0000-000000000065","submission":"00000000-0000-0000-0000-000000000001","#,
            r#""rank":1,"counts":[[4,10,2,20],null]},"#,
            r#"{"participant":"00000000-0000-0000-0000-000000000066","submission":"00000000-0000-0000-0000-000000000002","#,
            r#""rank":1,"counts":[[4,10,2,20],null]}]}"#,
            "\n"
        );
        assert_eq!(file.expect("sound counts").to_text().expect("text"), expected);
    }

    #[test]
    fn counts_of_no_score_are_refused() {
        let mut wrong = entry(1, 0, 4);
        wrong.counts = vec![None, None];
        assert!(ranking_file(RankingKind::Mean, &["a".into(), "b".into()], vec![wrong]).is_err());
    }
}
