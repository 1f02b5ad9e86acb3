//! The arithmetic under the networks: two matrix products, exp and tanh, in plain `f32`.
//!
//! Everything here gives the same bits on every machine: sums run in one fixed order, nothing is fused and no
//! system mathematics library is called. That is why a seed names the weights of a whole track. The loops are
//! written so that the compiler turns them into vector instructions.

/// Columns of a matrix are a multiple of this, so that the inner loops have a fixed length.
pub(super) const LANES: usize = 8;

/// Rows that are worked on together, so that a row of the right-hand matrix is loaded once for all of them.
const ROWS: usize = 4;

/// The smallest multiple of [`LANES`] that is at least `columns`.
pub(super) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// Adds the product `left` x `right` to `out`.
///
/// `left` is [rows, depth], `right` [depth, columns], `out` [rows, columns], all row by row; `columns` is a
/// multiple of [`LANES`].
pub(super) fn add_product(left: &[f32], right: &[f32], out: &mut [f32], columns: usize) {
    let depth = right.len() / columns;
    for (left, out) in left.chunks(ROWS * depth).zip(out.chunks_mut(ROWS * columns)) {
        if left.len() == ROWS * depth {
            let (first, rest) = left.split_at(depth);
            let (second, rest) = rest.split_at(depth);
            let (third, fourth) = rest.split_at(depth);
            let steps = first.iter().zip(second).zip(third).zip(fourth);
            for column in (0..columns).step_by(LANES) {
                let factors = steps.clone().map(|(((&a, &b), &c), &d)| [a, b, c, d]);
                accumulate(factors, &right[column..], columns, &mut out[column..]);
            }
        } else {
            for (left, out) in left.chunks(depth).zip(out.chunks_mut(columns)) {
                for column in (0..columns).step_by(LANES) {
                    let factors = left.iter().map(|&factor| [factor]);
                    accumulate(factors, &right[column..], columns, &mut out[column..]);
                }
            }
        }
    }
}

/// Adds the product `left` transposed x `right` to `out`.
///
/// `left` is [depth, rows], `right` [depth, columns], `out` [rows, columns], all row by row; `columns` is a
/// multiple of [`LANES`].
pub(super) fn add_transposed_product(left: &[f32], right: &[f32], out: &mut [f32], columns: usize) {
    let depth = right.len() / columns;
    let rows = left.len() / depth;
    for (block, out) in out.chunks_mut(ROWS * columns).enumerate() {
        let left = &left[block * ROWS..];
        for column in (0..columns).step_by(LANES) {
            if out.len() == ROWS * columns {
                let factors = left.chunks(rows).filter_map(|row| row.first_chunk::<ROWS>()).copied();
                accumulate(factors, &right[column..], columns, &mut out[column..]);
            } else {
                for (row, out) in out.chunks_mut(columns).enumerate() {
                    let factors = left[row..].iter().step_by(rows).map(|&factor| [factor]);
                    accumulate(factors, &right[column..], columns, &mut out[column..]);
                }
            }
        }
    }
}

/// e to the power of `x`, within 2 units in the last place for -87 <= x <= 88; outside, as at these ends.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2. The power of two is made from the bits of n and e^r is its Taylor series to
/// r^7, whose first omitted term is below 1e-8.
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with so few bits that its product with n is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const EXPONENT_BIAS: u32 = 127;
    const MANTISSA_BITS: u32 = 23;

    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + coefficient;
    }
    let power_of_two = shifted.to_bits().wrapping_add(EXPONENT_BIAS) << MANTISSA_BITS;
    series * f32::from_bits(power_of_two)
}

/// The hyperbolic tangent, within 2e-7.
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// Adds one tile of a product to `out`: for every step of the depth, `R` factors times [`LANES`] values of `right`.
///
/// `right` and `out` begin at the tile's first column; their rows are `columns` apart.
#[inline(always)]
fn accumulate<const R: usize>(factors: impl Iterator<Item = [f32; R]>, right: &[f32], columns: usize, out: &mut [f32]) {
    let mut sums = [[0.0_f32; LANES]; R];
    for (factors, right) in factors.zip(right.chunks(columns)) {
        let Some(right) = right.first_chunk::<LANES>() else { return };
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sum, value) in sums.iter_mut().zip(right) {
                *sum += factor * value;
            }
        }
    }
    for (out, sums) in out.chunks_mut(columns).zip(&sums) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, whose sums are exact in any order.
    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * step) % 11) as f32 - 5.0).collect()
    }

    fn plain_product(left: &[f32], right: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        let depth = right.len() / columns;
        let mut out = vec![1.0; rows * columns];
        for row in 0..rows {
            for column in 0..columns {
                for k in 0..depth {
                    out[row * columns + column] += left[row * depth + k] * right[k * columns + column];
                }
            }
        }
        out
    }

    #[test]
    fn products_equal_the_textbook_sum_for_every_remainder_of_rows() {
        for rows in 1..=9 {
            for (depth, columns) in [(1, 8), (5, 16), (64, 24)] {
                let left = numbers(rows * depth, 7);
                let right = numbers(depth * columns, 3);
                let expected = plain_product(&left, &right, rows, columns);

                let mut out = vec![1.0; rows * columns];
                add_product(&left, &right, &mut out, columns);
                assert_eq!(out, expected, "{rows} x {depth} x {columns}");

                let mut transposed = vec![0.0; rows * depth];
                for row in 0..rows {
                    for k in 0..depth {
                        transposed[k * rows + row] = left[row * depth + k];
                    }
                }
                let mut out = vec![1.0; rows * columns];
                add_transposed_product(&transposed, &right, &mut out, columns);
                assert_eq!(out, expected, "{rows} x {depth} x {columns}, transposed");
            }
        }
    }

    #[test]
    fn exp_and_tanh_agree_with_double_precision() {
        for step in -8_700..=8_700_i16 {
            let x = f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 2.4e-7, "exp({x})");
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 2e-7, "tanh({x})");
        }
        assert_eq!(tanh(0.0), 0.0);
        assert_eq!((tanh(1e9), tanh(-1e9)), (1.0, -1.0));
    }
}
