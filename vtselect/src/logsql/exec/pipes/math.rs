//! `math`: arithmetic on the fields of a row. What is no number is NaN.

use super::super::super::ast::pipes::{self, MathExpr, MathFunc, MathOp};
use super::super::super::value::{format_float, parse_number_or_unit, truncate_f64};
use super::super::{Rows, Text};
use super::Transform;
use super::random::Random;

pub(super) struct Math {
    shape: pipes::Math,
    now: f64,
    random: Random,
}

impl Math {
    /// `now` is unix nanoseconds.
    pub(super) fn new(shape: &pipes::Math, now: i64) -> Self {
        Self {
            shape: shape.clone(),
            now: now as f64,
            random: Random::new(),
        }
    }
}

impl Transform for Math {
    fn apply(&mut self, rows: &mut Rows) {
        for entry in &self.shape.entries {
            let mut values = Evaluation {
                rows,
                now: self.now,
                random: &mut self.random,
            };
            let numbers = values.of(&entry.expr);
            let values = numbers.into_iter().map(|f| Text::from(format_float(f))).collect();
            rows.set(&entry.result, values);
        }
    }
}

/// An expression over all rows of a block.
struct Evaluation<'a> {
    rows: &'a Rows,
    now: f64,
    random: &'a mut Random,
}

impl Evaluation<'_> {
    fn of(&mut self, expr: &MathExpr) -> Vec<f64> {
        match expr {
            MathExpr::Number(number, _) => vec![*number; self.rows.len()],
            MathExpr::Field(name) => self.field(name),
            MathExpr::Negate(inner) => {
                let mut values = self.of(inner);
                values.iter_mut().for_each(|value| *value = -*value);
                values
            }
            MathExpr::Binary(op, left, right) => {
                let (left, right) = (self.of(left), self.of(right));
                combine(left, &right, |a, b| operate(*op, a, b))
            }
            MathExpr::Call(func, arguments) => self.call(*func, arguments),
        }
    }

    fn field(&self, name: &str) -> Vec<f64> {
        let Some(column) = self.rows.column(name) else {
            return vec![f64::NAN; self.rows.len()];
        };
        let mut last: Option<(&Text, f64)> = None;
        let mut numbers = Vec::with_capacity(column.values.len());
        for value in &column.values {
            let known = last.filter(|(seen, _)| *seen == value).map(|(_, number)| number);
            let number = known.unwrap_or_else(|| parse_number_or_unit(value).unwrap_or(f64::NAN));
            last = Some((value, number));
            numbers.push(number);
        }
        numbers
    }

    fn call(&mut self, func: MathFunc, arguments: &[MathExpr]) -> Vec<f64> {
        let mut arguments: Vec<Vec<f64>> = arguments.iter().map(|argument| self.of(argument)).collect();
        let len = self.rows.len();
        match func {
            MathFunc::Now => return vec![self.now; len],
            MathFunc::Rand => return (0..len).map(|_| self.random.fraction()).collect(),
            _ => {}
        }
        let rest = arguments.split_off(arguments.len().min(1));
        let first = arguments.pop().unwrap_or_else(|| vec![f64::NAN; len]);
        let each = |function: fn(f64) -> f64| first.iter().map(|value| function(*value)).collect();
        match func {
            MathFunc::Abs => each(f64::abs),
            MathFunc::Ceil => each(f64::ceil),
            MathFunc::Exp => each(f64::exp),
            MathFunc::Floor => each(f64::floor),
            MathFunc::Ln => each(f64::ln),
            // A NaN is left out as long as there is a number.
            MathFunc::Max => rest
                .iter()
                .fold(first, |values, other| combine(values, other, f64::max)),
            MathFunc::Min => rest
                .iter()
                .fold(first, |values, other| combine(values, other, f64::min)),
            MathFunc::Round if rest.is_empty() => each(f64::round),
            MathFunc::Round => rest
                .iter()
                .fold(first, |values, nearest| combine(values, nearest, round)),
            MathFunc::Now | MathFunc::Rand => first,
        }
    }
}

fn combine(mut left: Vec<f64>, right: &[f64], function: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    for (value, other) in left.iter_mut().zip(right) {
        *value = function(*value, *other);
    }
    left
}

fn operate(op: MathOp, a: f64, b: f64) -> f64 {
    match op {
        MathOp::Power => a.powf(b),
        MathOp::Multiply => a * b,
        MathOp::Divide => a / b,
        MathOp::Modulo => a % b,
        MathOp::Add => a + b,
        MathOp::Subtract => a - b,
        MathOp::And => bits(a, b, |a, b| a & b),
        MathOp::Xor => bits(a, b, |a, b| a ^ b),
        MathOp::Or => bits(a, b, |a, b| a | b),
        MathOp::Default if a.is_nan() => b,
        MathOp::Default => a,
    }
}

/// On the whole parts; a negative number is its two's complement in 64 bits.
fn bits(a: f64, b: f64, function: fn(u64, u64) -> u64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let whole = |f: f64| if f < 0.0 { (f as i64).cast_unsigned() } else { f as u64 };
    function(whole(a), whole(b)) as f64
}

/// To the nearest multiple, halves away from zero; an infinite number has none.
fn round(value: f64, nearest: f64) -> f64 {
    let nearest = nearest.abs();
    if nearest.is_nan() || !value.is_finite() {
        return f64::NAN;
    }
    let size = truncate_f64(value.abs() + nearest / 2.0, nearest, 0.0);
    if nearest > 0.0 { size.copysign(value) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_decimals() {
        for (value, nearest, expected) in [
            (7.38906, 0.01, 7.39),
            (1.66666, -0.001, 1.667),
            (-2.5, 1.0, -3.0),
            (1.005, 0.1, 1.0),
            (17.0, 5.0, 15.0),
            (17.0, 0.0, 17.0),
        ] {
            assert_eq!(round(value, nearest), expected, "{value} {nearest}");
        }
        assert!(round(f64::NEG_INFINITY, 1.0).is_nan() && round(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn bits_of_numbers() {
        assert_eq!(
            operate(MathOp::And, 2_066_564_929.0, f64::from(0xffff_ff00u32)),
            2_066_564_864.0
        );
        assert_eq!(operate(MathOp::Xor, 5.9, 3.0), 6.0);
        assert!(operate(MathOp::Or, f64::NAN, 1.0).is_nan());
        assert_eq!(operate(MathOp::Default, f64::NAN, 1.0), 1.0);
    }
}
