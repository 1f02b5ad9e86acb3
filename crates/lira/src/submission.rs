//! Turns scores into confidences, and these into the zip that participants upload.

use std::io::{Cursor, Write};

use scoring::{Split, TrackShape};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Confidences in (0, 1), in the order of `scores`: (rank - 0.5) / n, where equal scores share the
/// average of their ranks.
///
/// `scores` must be those of a whole scenario and split: the scorer applies one threshold to all of
/// its models, so their points must be ranked together.
pub fn confidences(scores: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut confidences = vec![0.0; scores.len()];
    let mut below = 0;
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        // The ranks below + 1 to below + k average to below + (k + 1) / 2.
        let average = below as f64 + equal.len() as f64 / 2.0;
        for &point in equal {
            confidences[point] = average / scores.len() as f64;
        }
        below += equal.len();
    }
    confidences
}

/// The zip of a submission; the same numbers give the same bytes.
///
/// `confidences` has, for each scenario of the shape and each of [`Split::SUBMITTED`], the points
/// of all models one after the other. A number is written as the shortest text that reads back as
/// the same number.
///
/// # Errors
/// [`ZipError`] if there is not enough memory.
pub fn archive(shape: &TrackShape, confidences: &[[Vec<f64>; 2]]) -> Result<Vec<u8>, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (scenario, of_scenario) in shape.scenarios().iter().zip(confidences) {
        for (split, of_split) in Split::SUBMITTED.into_iter().zip(of_scenario) {
            let mut of_split = of_split.iter();
            for model in scenario.models(split) {
                let path = format!("{}/{}/{split}/{}/prediction.csv", shape.slug(), scenario.name(), model.name);
                archive.start_file(path, options)?;
                let values = of_split.by_ref().take(model.points).map(f64::to_string);
                let line = values.collect::<Vec<_>>().join(",") + "\n";
                archive.write_all(line.as_bytes())?;
            }
        }
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_the_average_of_their_ranks() {
        assert_eq!(confidences(&[5.0, -1.0, 5.0, 7.0]), [0.5, 0.125, 0.5, 0.875]);
        assert_eq!(confidences(&[0.0, -0.0]), [0.5, 0.5]);
        assert!(confidences(&[]).is_empty());
    }
}
