//! The arithmetic of the trainer's networks: matrix products, tanh, softmax and the step of
//! gradient descent, in plain `f32`. For the baseline, a sum of exponentials of `f32` in `f64`.
//!
//! It is a crate of its own so that it is optimised in every build. It knows nothing of networks or
//! tracks, reads no files and starts no threads. Slices whose sizes do not fit together cause a
//! panic or leave numbers out; callers must prevent that.
//!
//! Everything here gives the same bits on every machine: sums are added in one fixed order, no
//! multiplication and addition are fused, and no mathematics library of the system is called. That
//! is why one seed determines the weights of a whole track. The loops are written so that the
//! compiler turns them into vector instructions, twice: for every processor, and for those with
//! AVX2. Which one is used is decided at run time.
//!
//! Start reading at [`add_product`], in which training spends most of its time.

#[cfg(test)]
mod tests;

use multiversion::multiversion;

/// The number of columns of a matrix is a multiple of this, so that the inner loops have a fixed
/// length.
pub const LANES: usize = 8;

/// Rows of a tile. Each number of the right-hand matrix is used this many times once it is loaded.
/// Three times three vectors of sums leave enough of the sixteen registers for the operands.
const TILE_ROWS: usize = 3;

/// The smallest multiple of [`LANES`] that is at least `columns`.
pub fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// Adds the product `left` x `right` to `out`.
///
/// `left` is `[rows, depth]`, `right` `[depth, columns]`, `out` `[rows, columns]`, all row by row;
/// `columns` is a multiple of [`LANES`].
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn add_product(left: &[f32], right: &[f32], out: &mut [f32], columns: usize) {
    let depth = right.len() / columns;
    if depth == 0 {
        return;
    }
    let whole = left.len() / depth / TILE_ROWS * TILE_ROWS;
    let (left, left_rest) = left.split_at(whole * depth);
    let (out, out_rest) = out.split_at_mut(whole * columns);
    for (left, out) in left.chunks_exact(TILE_ROWS * depth).zip(out.chunks_exact_mut(TILE_ROWS * columns)) {
        // Slices of equal length, so that one bounds check covers all rows.
        let rows: [&[f32]; TILE_ROWS] = std::array::from_fn(|row| &left[row * depth..][..depth]);
        add_tiles((0..depth).map(|step| rows.map(|row| row[step])), right, out, columns);
    }
    for (left, out) in left_rest.chunks_exact(depth).zip(out_rest.chunks_exact_mut(columns)) {
        add_tiles(left.iter().map(|&factor| [factor]), right, out, columns);
    }
}

/// Adds the product `left` transposed x `right` to `out`.
///
/// `left` is `[depth, rows]`, `right` `[depth, columns]`, `out` `[rows, columns]`, all row by row;
/// `columns` is a multiple of [`LANES`]. `memory` receives `left` transposed, which costs little
/// compared with the product and lets it read along rows.
pub fn add_transposed_product(left: &[f32], right: &[f32], out: &mut [f32], columns: usize, memory: &mut Vec<f32>) {
    transpose(left, out.len() / columns, memory);
    add_product(memory, right, out, columns);
}

/// Sets `out` `[columns, rows]` to `values` `[rows, columns]` transposed.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn transpose(values: &[f32], columns: usize, out: &mut Vec<f32>) {
    out.resize(values.len(), 0.0);
    if values.is_empty() {
        return;
    }
    let rows = values.len() / columns;
    // Eight rows at a time, so that writes are to consecutive addresses.
    for (block, values) in values.chunks(LANES * columns).enumerate() {
        for (column, out) in out.chunks_exact_mut(rows).enumerate() {
            for (out, row) in out[block * LANES..].iter_mut().zip(values.chunks_exact(columns)) {
                *out = row[column];
            }
        }
    }
}

/// Adds `R` rows of a product to `out`, tile by tile. A tile of three times [`LANES`] columns keeps
/// all registers busy.
#[inline(always)]
fn add_tiles<const R: usize>(
    factors: impl Iterator<Item = [f32; R]> + Clone,
    right: &[f32],
    out: &mut [f32],
    columns: usize,
) {
    let mut column = 0;
    while column < columns {
        let (factors, right, out) = (factors.clone(), right.get(column..).unwrap_or_default(), &mut out[column..]);
        let lanes = match (columns - column) / LANES {
            1 => 1,
            // Four are two and two, since three and one would leave registers idle.
            2 | 4 => 2,
            _ => 3,
        };
        match lanes {
            1 => add_tile::<R, 1>(factors, right, out, columns),
            2 => add_tile::<R, 2>(factors, right, out, columns),
            _ => add_tile::<R, 3>(factors, right, out, columns),
        }
        column += lanes * LANES;
    }
}

/// Adds one tile of a product to `out`: for every step of the depth, `R` factors times `L`
/// [`LANES`] values of `right`.
///
/// `right` and `out` begin at the tile's first column; their rows are `columns` apart.
#[inline(always)]
fn add_tile<const R: usize, const L: usize>(
    factors: impl Iterator<Item = [f32; R]>,
    right: &[f32],
    out: &mut [f32],
    columns: usize,
) {
    let mut sums = [[[0.0_f32; LANES]; L]; R];
    for (factors, right) in factors.zip(right.chunks(columns)) {
        let Some(right) = right.as_chunks::<LANES>().0.first_chunk::<L>() else { break };
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sums, right) in sums.iter_mut().zip(right) {
                for (sum, value) in sums.iter_mut().zip(right) {
                    *sum += factor * value;
                }
            }
        }
    }
    for (out, sums) in out.chunks_mut(columns).zip(&sums) {
        for (out, sum) in out.iter_mut().zip(sums.as_flattened()) {
            *out += sum;
        }
    }
}

/// The hyperbolic tangent of every value, within 2e-7.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn tanh_all(values: &mut [f32]) {
    for value in values {
        *value = tanh(*value);
    }
}

/// Multiplies `deltas` by the derivative of the hyperbolic tangent, given its `values`: 1 - tanh^2.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn tanh_backward(deltas: &mut [f32], values: &[f32]) {
    for (delta, value) in deltas.iter_mut().zip(values) {
        *delta *= 1.0 - value * value;
    }
}

/// Turns each row of logits `[rows, columns]` into probabilities. Columns from `outputs` on are
/// padding and become 0.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn softmax(logits: &mut [f32], columns: usize, outputs: usize) {
    for row in logits.chunks_exact_mut(columns) {
        row[outputs..].fill(f32::NEG_INFINITY);
        let mut largest = [f32::NEG_INFINITY; LANES];
        for lane in row.as_chunks::<LANES>().0 {
            for (largest, &logit) in largest.iter_mut().zip(lane) {
                *largest = if logit > *largest { logit } else { *largest };
            }
        }
        let largest = reduce_lanes(largest, |a, b| if a > b { a } else { b });
        for logit in row {
            *logit -= largest;
        }
    }
    // All rows at once: a loop over a row of eight numbers would be unrolled and not vectorised.
    for logit in logits.iter_mut() {
        *logit = exp(*logit);
    }
    for row in logits.chunks_exact_mut(columns) {
        // The exponential of the padding is the smallest that `exp` gives, which changes no sum.
        let mut sums = [0.0_f32; LANES];
        for lane in row.as_chunks::<LANES>().0 {
            for (sum, probability) in sums.iter_mut().zip(lane) {
                *sum += probability;
            }
        }
        let share = 1.0 / reduce_lanes(sums, |a, b| a + b);
        for probability in row.iter_mut() {
            *probability *= share;
        }
        row[outputs..].fill(0.0);
    }
}

/// Sets `out` to (value - shift) factor for every value.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn scale(values: &[f32], shift: f32, factor: f32, out: &mut [f32]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = (value - shift) * factor;
    }
}

/// Sets `out` `[rows]` to the sum of the squares of each row of `values` `[rows, columns]`, in one
/// fixed order; `columns` is a multiple of [`LANES`].
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn squares_of_rows(values: &[f32], columns: usize, out: &mut Vec<f32>) {
    out.clear();
    out.extend(values.chunks_exact(columns).map(|row| {
        let mut sums = [0.0_f32; LANES];
        for lane in row.as_chunks::<LANES>().0 {
            for (sum, value) in sums.iter_mut().zip(lane) {
                *sum += value * value;
            }
        }
        reduce_lanes(sums, |a, b| a + b)
    }));
}

/// Multiplies each row of `values` `[rows, columns]` by its weight.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn scale_rows(values: &mut [f32], columns: usize, weights: &[f32]) {
    for (row, weight) in values.chunks_exact_mut(columns).zip(weights) {
        for value in row {
            *value *= weight;
        }
    }
}

/// Adds every row of `rows` to `sums`, a row as long as `sums`.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn add_rows(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// The hyperparameters of a step of stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct SgdParameters {
    /// The learning rate: the share of the velocity that is subtracted from the weights.
    pub rate: f32,
    /// The share of the last velocity that is kept.
    pub momentum: f32,
    /// The share of the weights that is added to the gradient.
    pub weight_decay: f32,
}

/// One step: v <- momentum v + gradient + weight_decay w, w <- w - rate v.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn sgd_step(weights: &mut [f32], velocity: &mut [f32], gradient: &[f32], step: SgdParameters) {
    for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradient) {
        *velocity = step.momentum * *velocity + *gradient + step.weight_decay * *weight;
        *weight -= step.rate * *velocity;
    }
}

/// Reduces the lanes to one number, in a fixed order: the first half is combined with the second,
/// and the result likewise, until one is left.
#[inline(always)]
fn reduce_lanes(values: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let [a, b, c, d, e, f, g, h] = values;
    let (a, b, c, d) = (combine(a, e), combine(b, f), combine(c, g), combine(d, h));
    combine(combine(a, c), combine(b, d))
}

/// e to the power of `x`, within 2 units in the last place; `x` is clamped to [-87, 88].
///
/// x = n ln 2 + r with |r| <= ln 2 / 2. The power of two is made from the bits of n and e^r is its
/// Taylor series to r^7, whose first omitted term is below 1e-8.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number, which is then in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    // ln 2 as a sum of two parts, the first with so few bits that its product with n is exact.
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
#[inline(always)]
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The sum of e to the power of `value - largest` over all values, in double precision. No value
/// may exceed `largest`.
///
/// A value more than 708 below `largest` counts as e^-708. The sum is NaN if a value is.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn sum_of_exp(values: &[f32], largest: f32) -> f64 {
    let largest = f64::from(largest);
    let mut sums = [0.0_f64; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += exp_of_negative(f64::from(value) - largest);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += exp_of_negative(f64::from(value) - largest);
    }
    sums.iter().sum()
}

/// e to the power of `x` <= 0, within 2 units in the last place; an `x` below -708 counts as -708.
///
/// It is computed like [`exp`], in double precision and with the series to r^13, whose first
/// omitted term is below 1e-17.
#[inline(always)]
fn exp_of_negative(x: f64) -> f64 {
    // Adding 1.5 * 2^52 rounds to a whole number, which is then in the low bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    // ln 2 as a sum of two parts, the first with so few bits that its product with n is exact.
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const EXPONENT_BIAS: u64 = 1023;
    const MANTISSA_BITS: u32 = 52;
    // 1/13! to 1/0!.
    const SERIES: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];

    // Written so that NaN stays NaN, unlike with `max`.
    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut series = 0.0;
    for coefficient in SERIES {
        series = series * r + coefficient;
    }
    let power_of_two = shifted.to_bits().wrapping_add(EXPONENT_BIAS) << MANTISSA_BITS;
    series * f64::from_bits(power_of_two)
}
