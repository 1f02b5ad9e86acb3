use super::*;

/// Pseudorandom numbers between -1 and 1 that use all bits.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The three loops of the textbook; each sum is added from its first term to its last.
fn plain_product(left: &[f32], right: &[f32], out: &mut [f32], columns: usize) {
    let depth = right.len() / columns;
    for (row, out) in out.chunks_mut(columns).enumerate() {
        for (column, out) in out.iter_mut().enumerate() {
            let terms = (0..depth).map(|k| left[row * depth + k] * right[k * columns + column]);
            *out += terms.fold(0.0, |sum, term| sum + term);
        }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn products_are_to_the_bit_those_of_the_textbook_for_every_remainder() {
    for rows in 0..=9 {
        for (depth, columns) in [(1, 8), (5, 16), (64, 24), (7, 32), (3, 40), (2, 56), (0, 8)] {
            let left = numbers(rows * depth, 1);
            let right = numbers(depth * columns, 2);
            let before = numbers(rows * columns, 3);
            let mut expected = before.clone();
            plain_product(&left, &right, &mut expected, columns);

            let mut out = before.clone();
            add_product(&left, &right, &mut out, columns);
            assert_eq!(bits(&out), bits(&expected), "{rows} x {depth} x {columns}");

            let mut transposed = Vec::new();
            if depth > 0 {
                transpose(&left, depth, &mut transposed);
            }
            let mut out = before;
            add_transposed_product(&transposed, &right, &mut out, columns, &mut Vec::new());
            assert_eq!(bits(&out), bits(&expected), "{rows} x {depth} x {columns}, transposed");
        }
    }
}

#[test]
fn transposing_twice_changes_nothing_and_once_moves_every_number() {
    for (rows, columns) in [(1, 1), (3, 8), (9, 5), (17, 24)] {
        let values = numbers(rows * columns, 4);
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        transpose(&values, columns, &mut once);
        for row in 0..rows {
            for column in 0..columns {
                assert_eq!(once[column * rows + row], values[row * columns + column]);
            }
        }
        transpose(&once, rows, &mut twice);
        assert_eq!(twice, values);
    }
}

#[test]
fn probabilities_are_those_of_double_precision_and_padding_has_none() {
    for outputs in [1, 3, 8, 10, 20, 24] {
        let columns = padded(outputs);
        let mut logits: Vec<f32> = numbers(2 * columns, 5).iter().map(|logit| logit * 30.0).collect();
        let exact = logits.clone();
        softmax(&mut logits, columns, outputs);
        for (found, logits) in logits.chunks(columns).zip(exact.chunks(columns)) {
            let sum: f64 = logits[..outputs].iter().map(|&logit| f64::from(logit).exp()).sum();
            for (&found, &logit) in found.iter().zip(&logits[..outputs]) {
                assert!((f64::from(found) - f64::from(logit).exp() / sum).abs() < 1e-6, "{outputs}");
            }
            assert!(found[outputs..].iter().all(|&padding| padding == 0.0));
        }
    }
}

#[test]
fn rows_are_squared_scaled_and_added_one_by_one() {
    let rows = [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let mut squares = Vec::new();
    squares_of_rows(&rows, 8, &mut squares);
    assert_eq!(squares, [14.0, 0.25]);
    let mut scaled = rows;
    scale_rows(&mut scaled, 8, &[2.0, 4.0]);
    assert_eq!((scaled[7], scaled[8]), (6.0, 2.0));
    let mut sums = [1.0; 8];
    add_rows(&rows, &mut sums);
    assert_eq!(sums, [2.5, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0]);
}

#[test]
fn a_step_goes_down_the_gradient_with_what_is_left_of_the_last() {
    let (mut weights, mut velocity) = ([1.0], [2.0]);
    sgd_step(&mut weights, &mut velocity, &[3.0], SgdParameters { rate: 0.5, momentum: 0.25, weight_decay: 0.125 });
    // 0.25 * 2 + 3 + 0.125 * 1, and half of that subtracted from the weight.
    assert_eq!((velocity, weights), ([3.625], [-0.8125]));
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

#[test]
fn exp_in_double_precision_is_right_to_two_units_in_the_last_place() {
    for step in 0..=70_800_u32 {
        let x = -f64::from(step) / 100.0;
        let (found, exact) = (exp_of_negative(x), x.exp());
        assert!((found / exact - 1.0).abs() <= 2.0 * f64::EPSILON, "exp({x}): {found:e} {exact:e}");
    }
    assert_eq!(exp_of_negative(0.0), 1.0);
    assert!(exp_of_negative(-1e300) < 1e-307 && exp_of_negative(f64::NEG_INFINITY) >= 0.0);
}

#[test]
fn sums_of_exp_are_those_of_the_standard_library_for_every_remainder() {
    for count in 0..40 {
        let values = numbers(count, 3);
        let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exact: f64 = values.iter().map(|&value| (f64::from(value) - f64::from(largest)).exp()).sum();
        let found = sum_of_exp(&values, largest);
        assert!((found - exact).abs() <= 1e-14 * exact, "{count}: {found} {exact}");
    }
    assert!(sum_of_exp(&[0.0, f32::NAN, -1.0], 0.0).is_nan());
    assert!(sum_of_exp(&[0.0; 9].map(|value: f32| value - f32::INFINITY), 0.0) < 1e-300);
}
