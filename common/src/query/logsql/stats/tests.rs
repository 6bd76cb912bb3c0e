//! Tests of the states: exactness, errors that are stated, and merging.

use proptest::prelude::*;

use super::*;

fn text(s: &str) -> Text {
    s.into()
}

#[test]
fn sums_of_whole_numbers_are_exact_in_any_order() {
    let mut sum = Sum::default();
    let values = [i64::MAX, 1, -5, i64::MAX, i64::MIN];
    values.iter().for_each(|value| sum.update_i64(*value));
    let mut other = Sum::default();
    other.update_total(values[1..].iter().map(|value| i128::from(*value)).sum(), 4);
    other.update_i64(values[0]);
    assert_eq!((sum, sum.sum()), (other, (i128::from(i64::MAX) - 5) as f64));
    sum.update_f64(f64::NAN);
    assert_eq!(sum, other);
    sum.update_f64_times(0.5, 4);
    assert_eq!(sum.sum(), (i128::from(i64::MAX) - 3) as f64);
}

#[test]
fn extremes_compare_numbers_of_any_form_and_keep_the_text() {
    let mut greatest = Extreme::new(End::Greatest);
    assert_eq!(&*greatest.text(), "");
    for (value, expected) in [("", ""), ("5ms", "5ms"), ("4999999", "5ms"), ("1s", "1s"), ("", "1s")] {
        greatest.update_text(&text(value));
        assert_eq!(&*greatest.text(), expected);
    }
    greatest.update_i64(2_000_000_000);
    greatest.update_f64(0.5);
    assert_eq!(&*greatest.text(), "2000000000");
    let mut least = Extreme::new(End::Least);
    least.update_f64(0.5);
    least.update_i64(1);
    assert_eq!(&*least.text(), "0.5");
    least.update_i64(-1);
    assert_eq!(&*least.text(), "-1");
}

#[test]
fn integers_and_their_texts_are_the_same_value() {
    let mut uniq = Uniq::new(0);
    uniq.update_i64(5);
    uniq.update_i64(-3);
    for value in ["5", "-3", "05", "-0", "5.0", "x"] {
        uniq.update_text(value);
    }
    assert_eq!(uniq.count(), 6);
}

#[test]
fn tuples_with_the_same_text_put_together_differ() {
    for count in [
        |tuples: [[&str; 2]; 3]| {
            let mut uniq = Uniq::new(0);
            tuples
                .iter()
                .for_each(|tuple| uniq.update_tuple(tuple.iter().copied(), &mut String::new()));
            uniq.count()
        },
        |tuples: [[&str; 2]; 3]| {
            let mut uniq = UniqHash::new(0);
            tuples
                .iter()
                .for_each(|tuple| uniq.update_tuple(tuple.iter().copied(), &mut String::new()));
            uniq.count()
        },
    ] {
        assert_eq!(count([["ab", "c"], ["a", "bc"], ["ab", "c"]]), 2);
        assert_eq!(count([["", "1s1"], ["1s1", ""], ["1", "1"]]), 3);
    }
}

#[test]
fn histograms_put_borders_into_the_lower_bucket() {
    let mut histogram = Histogram::default();
    for value in [0.0, 1e-10, 1.0, 1.05, 1e18, 1e19, f64::INFINITY, -1.0, f64::NAN] {
        histogram.update_f64(value);
    }
    let expected = [
        ("0...1.000e-09", 2),
        ("8.799e-01...1.000e+00", 1),
        ("1.000e+00...1.136e+00", 1),
        ("1.000e+18...+Inf", 3),
    ];
    let found: Vec<_> = histogram.buckets().collect();
    assert_eq!(found, expected.map(|(range, hits)| (range.to_owned(), hits)));
}

/// The value that a quantile should give for integers.
fn exact_quantile(values: &[i64], phi: f64) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[((phi * sorted.len() as f64) as usize).min(sorted.len() - 1)]
}

#[test]
fn quantiles_of_many_values_keep_to_their_error() {
    let values: Vec<i64> = (0..50_000)
        .map(|i: i64| (i * 7_919) % 50_021 * 1_000 - 1_000_000)
        .collect();
    let mut all = Quantile::default();
    values.iter().for_each(|value| all.update_i64(*value));
    assert!(all.memory_bytes() < 200_000, "{}", all.memory_bytes());
    for phi in [0.0, 0.001, 0.02, 0.5, 0.95, 0.999, 1.0] {
        let (exact, found) = (exact_quantile(&values, phi) as f64, all.text(phi));
        let found: i64 = found.parse().expect("an integer, as all values are");
        let error = (found as f64 - exact).abs();
        assert!(
            error <= RELATIVE_ERROR * exact.abs() + 0.5,
            "{phi}: {found} for {exact}"
        );
    }
    assert_eq!(&*all.text(1.0), exact_quantile(&values, 1.0).to_string());
    assert_eq!(&*all.text(0.0), exact_quantile(&values, 0.0).to_string());
}

#[test]
fn quantiles_of_many_values_show_them_in_their_form() {
    let mut durations = Quantile::default();
    (0..20_000).for_each(|i| durations.update_text(&text(&format!("{}ms", 100 + i % 3))));
    let median = durations.text(0.5);
    assert!(median.ends_with("ns") || median.ends_with("ms"), "{median}");
    let mut mixed = Quantile::default();
    for i in 0..20_000 {
        mixed.update_i64(i);
        mixed.update_text(&text(&format!("name{i:05}")));
        mixed.update_missing(1);
    }
    assert_eq!(&*mixed.text(0.3), "");
    let number: i64 = mixed.text(0.5).parse().expect("an integer");
    assert!((9_900..=10_100).contains(&number), "{number}");
    let name = mixed.text(5.0 / 6.0);
    let place: i64 = name.strip_prefix("name").expect("a name").parse().expect("its number");
    assert!((9_000..=11_000).contains(&place), "{place}");
}

#[test]
fn quantiles_merge_whatever_they_hold() {
    let part = |range: std::ops::Range<i64>| {
        let mut part = Quantile::default();
        range.for_each(|value| part.update_i64(value));
        part
    };
    for borders in [
        [0, 10, 20],
        [0, 10, 30_000],
        [0, 29_990, 30_000],
        [0, 15_000, 30_000],
        [0, 6_000, 12_000],
    ] {
        let [start, middle, end] = borders;
        let mut merged = part(start..middle);
        merged.merge(part(middle..end));
        assert_eq!(merged.text(0.7), part(start..end).text(0.7), "{borders:?}");
        assert_eq!(merged.text(1.0), part(start..end).text(1.0), "{borders:?}");
    }
}

#[test]
fn parts_that_keep_less_give_the_same_or_say_that_they_are_short() {
    let part = |range: std::ops::Range<i64>, exact| {
        let mut part = Quantile::keeping(exact);
        range.for_each(|value| part.update_i64(value));
        part
    };
    let sent = |part: &Quantile| -> Quantile { postcard::from_bytes(&postcard::to_stdvec(part).unwrap()).unwrap() };
    for ([start, middle, end], is_short) in [
        ([0, 10, 20], false),
        ([0, 4_000, 8_000], false),
        ([0, 5_000, 8_000], true),
        ([0, 3_900, 7_800], false),
        ([0, 9_000, 9_001], true),
        ([0, 5_000, 10_001], false),
        ([0, 29_000, 30_000], false),
    ] {
        let mut merged = sent(&part(start..middle, 4_000));
        merged.merge(sent(&part(middle..end, 4_000)));
        assert_eq!(merged.is_short(), is_short, "{start} {middle} {end}");
        if !is_short {
            let whole = part(start..end, EXACT_VALUES);
            assert_eq!(merged.text(0.7), whole.text(0.7), "{start} {middle} {end}");
        }
    }
}

#[test]
fn limits_hold_while_merging() {
    let (mut a, mut b) = (Uniq::new(3), Uniq::new(3));
    ["x", "y"].iter().for_each(|v| a.update_text(v));
    ["1", "z", "w"].iter().for_each(|v| b.update_text(v));
    a.merge(b);
    assert_eq!(a.count(), 3);
    let (mut a, mut b) = (Values::new(3), Values::new(3));
    ["x", "y"].iter().for_each(|v| a.update_text(text(v)));
    ["1", "z"].iter().for_each(|v| b.update_text(text(v)));
    a.merge(b);
    assert_eq!(a.get(), [text("x"), text("y"), text("1")]);
    let mut rows = JsonRows::new(vec![true], 2);
    for n in 0..1_000 {
        let key = super::super::order::OrderKey::integer(n);
        rows.update(JsonRow {
            keys: vec![key],
            json: n.to_string().into(),
        });
    }
    assert!(rows.memory_bytes() < 20_000);
    assert_eq!(rows.finish(), [text("999"), text("998")]);
}

#[test]
fn memory_grows_with_what_is_held() {
    let mut uniq = State::from(Uniq::new(0));
    let before = uniq.memory_bytes();
    let Some(state) = Uniq::of_mut(&mut uniq) else {
        panic!("the state of count_uniq")
    };
    (0..1_000).for_each(|i| state.update_text(&format!("a value of some length {i}")));
    assert!(uniq.memory_bytes() - before > 1_000 * 25);
}

proptest! {
    #[test]
    fn quantiles_of_few_values_are_exact(values in prop::collection::vec(-1_000i64..1_000, 1..200), phi in 0.0..=1.0f64) {
        let mut ints = Quantile::default();
        values.iter().for_each(|value| ints.update_i64(*value));
        let expected = exact_quantile(&values, phi);
        prop_assert_eq!(&*ints.text(phi), expected.to_string());
        let mut mixed = Quantile::default();
        for (i, value) in values.iter().enumerate() {
            match i % 3 {
                0 => mixed.update_i64(*value),
                1 => mixed.update_f64(*value as f64),
                _ => mixed.update_text(&text(&value.to_string())),
            }
        }
        prop_assert_eq!(&*mixed.text(phi), expected.to_string());
    }

    #[test]
    fn numbers_of_any_size_keep_to_the_error(values in prop::collection::vec(any::<f64>(), 1..50), phi in 0.0..=1.0f64) {
        let mut values: Vec<f64> = values.into_iter().filter(|f| f.is_finite() && (f.is_normal() || *f == 0.0)).collect();
        prop_assume!(!values.is_empty());
        let mut sketch = sketch::Sketch::default();
        values.iter().for_each(|value| sketch.add(*value, 1));
        values.sort_by(f64::total_cmp);
        let rank = ((phi * values.len() as f64) as usize).min(values.len() - 1);
        let (found, exact) = (sketch.at(rank as u64), values[rank]);
        prop_assert!((found - exact).abs() <= RELATIVE_ERROR * exact.abs(), "{} for {}", found, exact);
    }
}
