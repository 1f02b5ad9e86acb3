//! A fast Fourier transform that gives the same bits on every machine.
//!
//! It is the radix-2 transform of Cooley and Tukey, in place, for lengths that are a power of two.
//! The forward transform leaves its result in bit-reversed order, which is the order that the
//! inverse expects: what is done in between treats all values alike, so the natural order is never
//! needed. Sines come from libm, and no multiplication and addition are fused.

use std::f64::consts::TAU;

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    pub(super) fn norm_squared(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    fn minus(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }

    fn conjugate(self) -> Self {
        Self { re: self.re, im: -self.im }
    }
}

/// The transform of one length.
pub(super) struct Fft {
    /// Entry `n/2 + i` is exp(-2 pi i / n), for every power of two n from 2 to the length and i <
    /// n/2.
    roots: Vec<Complex>,
}

impl Fft {
    /// The transform of arrays of `length` values, a power of two and at least 2.
    pub(super) fn new(length: usize) -> Self {
        let mut roots = vec![Complex::default(); length];
        let half = length / 2;
        for (i, root) in roots[half..].iter_mut().enumerate() {
            // The quotient is exact, so the angle has the error of at most two roundings.
            let (sin, cos) = libm::sincos(TAU * (i as f64 / length as f64));
            *root = Complex { re: cos, im: -sin };
        }
        for i in (1..half).rev() {
            roots[i] = roots[2 * i];
        }
        Self { roots }
    }

    /// Transforms values in natural order to coefficients in bit-reversed order.
    pub(super) fn forward(&self, values: &mut [Complex]) {
        let half = values.len() / 2;
        let (low, high) = values.split_at_mut(half);
        for ((low, high), &root) in low.iter_mut().zip(&mut *high).zip(&self.roots[half..]) {
            let difference = low.minus(*high);
            *low = low.plus(*high);
            *high = difference.times(root);
        }
        if half > 1 {
            self.forward(low);
            self.forward(high);
        }
    }

    /// Transforms coefficients in bit-reversed order to values in natural order, multiplied by the
    /// length.
    pub(super) fn inverse(&self, coefficients: &mut [Complex]) {
        let half = coefficients.len() / 2;
        let (low, high) = coefficients.split_at_mut(half);
        if half > 1 {
            self.inverse(low);
            self.inverse(high);
        }
        for ((low, high), &root) in low.iter_mut().zip(high).zip(&self.roots[half..]) {
            let turned = high.times(root.conjugate());
            *high = low.minus(turned);
            *low = low.plus(turned);
        }
    }

    /// A bound on the error of every output of either transform, relative to the sum of the
    /// absolute values of all inputs.
    ///
    /// Every output is a sum of all inputs, each of which passes log2(n) levels and is multiplied
    /// by a root and added once at each. With u = 2^-53, the error of a root is less than 7 u, that
    /// of a product sqrt(5) u and that of a sum u (Brent, Percival and Zimmermann, Math. Comp. 76,
    /// 2007), so a level adds less than 11 u; 16 u allows for terms of second order.
    pub(super) fn relative_error(&self) -> f64 {
        f64::from(self.roots.len().ilog2()) * 16.0 * (f64::EPSILON / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(length: usize) -> Vec<Complex> {
        let value = |i: usize| Complex { re: ((i * 7) % 11) as f64 - 5.0, im: ((i * 3) % 5) as f64 };
        (0..length).map(value).collect()
    }

    #[test]
    fn the_transform_is_the_textbook_sum_in_bit_reversed_order() {
        for bits in 1..=6 {
            let length = 1_usize << bits;
            let mut out = values(length);
            Fft::new(length).forward(&mut out);
            for (place, out) in out.iter().enumerate() {
                let frequency = place.reverse_bits() >> (usize::BITS - bits);
                let mut sum = Complex::default();
                for (i, value) in values(length).into_iter().enumerate() {
                    let angle = -TAU * ((i * frequency) % length) as f64 / length as f64;
                    sum = sum.plus(value.times(Complex { re: angle.cos(), im: angle.sin() }));
                }
                assert!(out.minus(sum).norm_squared() < 1e-22, "{length}: {out:?} for {sum:?}");
            }
        }
    }

    #[test]
    fn the_inverse_brings_the_values_back_within_the_bound() {
        for length in [2, 64, 1 << 14] {
            let (before, fft) = (values(length), Fft::new(length));
            let mut after = before.clone();
            fft.forward(&mut after);
            let sum = |values: &[Complex]| values.iter().map(|value| value.norm_squared().sqrt()).sum::<f64>();
            let (scale, inputs, coefficients) = (length as f64, sum(&before), sum(&after));
            fft.inverse(&mut after);
            // A coefficient's error is added up over all and divided by their number.
            let bound = fft.relative_error() * (inputs + coefficients / scale);
            for (before, after) in before.iter().zip(&after) {
                let back = Complex { re: after.re / scale, im: after.im / scale };
                assert!(before.minus(back).norm_squared().sqrt() <= bound, "{length}: {before:?} and {back:?}");
            }
        }
    }
}
