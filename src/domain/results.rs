//! The results of a track: its official ranking beside the dev ranking of the same entries, who won, and how well dev
//! foretold it.
//!
//! Whoever stands out of competition has a row in the order of the scores, and neither place nor award.

use time::OffsetDateTime;

use super::leaderboard::{self, BoardEntry, RankedEntry, SplitResult};
use super::official_ranking::RankingChange;

/// A version of the official ranking, without its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number, counted from 1.
    pub version: u32,
    /// When it became public.
    pub made_at: OffsetDateTime,
    /// The event in the log that made it.
    pub log_seq: i64,
    /// What changed against the version before, in the order in which it happened; at least one.
    pub changes: Vec<RankingChange>,
    /// Why, in public words, where somebody gave any.
    pub reason: Option<String>,
    /// Participants that had a submission which counts.
    pub participants: u32,
    /// Those submissions.
    pub submissions: u32,
}

/// An entry of the results.
#[derive(Debug, Clone)]
pub struct ResultRow {
    /// The entry with its place and its final score, as far as that is told.
    pub ranked: RankedEntry,
    /// Its score on the dev split, and its place there among the entries of this ranking.
    pub dev: Option<DevPlace>,
}

impl ResultRow {
    /// The entry.
    pub fn entry(&self) -> &BoardEntry {
        &self.ranked.entry
    }

    /// By how many places it rose from dev to final; negative: it fell. `None` where it has no place on one of them.
    pub fn rise(&self) -> Option<i64> {
        let place = |rank: usize| i64::try_from(rank).ok();
        Some(place(self.dev.as_ref()?.rank?)? - place(self.ranked.rank?)?)
    }
}

/// Where an entry stood on the dev split.
#[derive(Debug, Clone)]
pub struct DevPlace {
    /// Its place among the competing entries of the ranking, by their dev scores; `None`: out of competition.
    pub rank: Option<usize>,
    /// Its dev score.
    pub result: SplitResult,
}

/// How much the orders of two rankings of the same entries agree.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Agreement {
    /// Kendall's tau-b, from -1 to 1; null under two entries, or where all are equal on one of the two.
    pub tau_b: Option<f64>,
    /// Pairs of entries in the same order on both.
    pub concordant: u64,
    /// Pairs in opposite orders.
    pub discordant: u64,
    /// Pairs that are equal on one of the two, or on both.
    pub tied: u64,
}

impl Agreement {
    /// Of pairs (place on one, place on the other); equal places are ties.
    ///
    /// tau-b = (C − D) / √((C + D + T₁)(C + D + T₂)), where T₁ counts the pairs that are equal on the first alone, T₂ on the
    /// second alone (Kendall, *Rank Correlation Methods*, 1948).
    pub fn of(places: &[(usize, usize)]) -> Self {
        let (mut concordant, mut discordant, mut first_alone, mut second_alone, mut both) =
            (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
        for (i, one) in places.iter().enumerate() {
            for other in &places[i + 1..] {
                use std::cmp::Ordering::Equal;
                match (one.0.cmp(&other.0), one.1.cmp(&other.1)) {
                    (Equal, Equal) => both += 1,
                    (Equal, _) => first_alone += 1,
                    (_, Equal) => second_alone += 1,
                    (a, b) if a == b => concordant += 1,
                    _ => discordant += 1,
                }
            }
        }
        let ordered = concordant + discordant;
        let product = (ordered + first_alone) as f64 * (ordered + second_alone) as f64;
        let tau_b = (product > 0.0).then(|| (concordant as f64 - discordant as f64) / product.sqrt());
        Self { tau_b, concordant, discordant, tied: first_alone + second_alone + both }
    }
}

/// The results of a track in one version of its official ranking.
#[derive(Debug, Clone)]
pub struct Results {
    /// The version that is shown.
    pub info: VersionInfo,
    /// The entries, best final score first.
    pub rows: Vec<ResultRow>,
    /// How much dev and final agree, over the competing entries.
    pub agreement: Agreement,
}

impl Results {
    /// Puts an official ranking together with the dev scores of its entries. `dev_of` answers an entry's.
    pub fn new(
        info: VersionInfo,
        ranked: Vec<RankedEntry>,
        dev_of: impl Fn(&BoardEntry) -> Option<SplitResult>,
    ) -> Self {
        let dev: Vec<Option<SplitResult>> = ranked.iter().map(|ranked| dev_of(&ranked.entry)).collect();
        let competing = |i: &usize| ranked[*i].rank.is_some();
        let mut by_dev: Vec<(usize, &SplitResult)> =
            (0..ranked.len()).filter(competing).filter_map(|i| Some((i, dev[i].as_ref()?))).collect();
        by_dev.sort_by(|(_, a), (_, b)| b.ranking.cmp(&a.ranking));
        let places =
            leaderboard::ranks(by_dev.len(), |_| false, |above, i| by_dev[above].1.ranking == by_dev[i].1.ranking);
        let mut dev_ranks: Vec<Option<usize>> = vec![None; ranked.len()];
        for ((i, _), place) in by_dev.iter().zip(places) {
            dev_ranks[*i] = place;
        }
        let rows: Vec<ResultRow> = ranked
            .into_iter()
            .zip(dev.into_iter().zip(dev_ranks))
            .map(|(ranked, (dev, rank))| ResultRow { ranked, dev: dev.map(|result| DevPlace { rank, result }) })
            .collect();
        let places = rows.iter().filter_map(|row| Some((row.dev.as_ref()?.rank?, row.ranked.rank?)));
        let agreement = Agreement::of(&places.collect::<Vec<_>>());
        Self { info, rows, agreement }
    }

    /// Who won: the competing entries of rank 1. Of a shared first place all are winners.
    pub fn winners(&self) -> impl Iterator<Item = &ResultRow> {
        self.rows.iter().filter(|row| row.ranked.rank == Some(1))
    }

    /// The competing entries of rank 2: none where the first place is shared, several where the second is.
    pub fn runners_up(&self) -> impl Iterator<Item = &ResultRow> {
        self.rows.iter().filter(|row| row.ranked.rank == Some(2))
    }

    /// The rows that compete.
    pub fn competing(&self) -> impl Iterator<Item = &ResultRow> {
        self.rows.iter().filter(|row| row.ranked.rank.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_kendalls_tau_b_with_the_pairs_behind_it() {
        let of = |places: &[(usize, usize)]| Agreement::of(places);
        assert_eq!(of(&[]).tau_b, None);
        assert_eq!(of(&[(1, 1)]).tau_b, None);
        assert_eq!(of(&[(1, 1), (1, 2)]).tau_b, None, "all are equal on one side");
        assert_eq!(of(&[(1, 1), (2, 2), (3, 3)]).tau_b, Some(1.0));
        assert_eq!(of(&[(1, 3), (2, 2), (3, 1)]).tau_b, Some(-1.0));
        // scipy.stats.kendalltau([1, 2, 3, 4, 4], [2, 1, 3, 3, 5]) = 0.6666666666666666…: C 7, D 1, one tie on each side.
        let mixed = of(&[(1, 2), (2, 1), (3, 3), (4, 3), (4, 5)]);
        assert_eq!((mixed.concordant, mixed.discordant, mixed.tied), (7, 1, 2));
        assert!((mixed.tau_b.expect("a number") - 6.0 / 9.0).abs() < 1e-12);
    }
}
