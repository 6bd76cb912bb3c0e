//! Quantiles in natural order: exact for few values, then within a relative error.

use super::super::order::OrderKey;
use super::super::value::{format_duration, format_float, parse_canonical_int};
use super::sample::Sample;
use super::sketch::Sketch;
use super::{End, Extreme, Partial, Text};
use serde::{Deserialize, Serialize};

/// Quantiles of up to so many values that are not empty are exact, and shown as the values were given.
pub const EXACT_VALUES: usize = 10_000;

/// Quantiles of more numbers differ from an exact one by at most this share of it. The least and the greatest value
/// stay exact. Other text is sampled then.
pub const RELATIVE_ERROR: f64 = super::sketch::RELATIVE_ERROR;

/// The values so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// So many values are kept as they are
    #[serde(skip, default = "exact_values")]
    exact: usize,
    /// Empty values, which come first.
    empty: u64,
    #[serde(with = "crate::wire::packed")]
    ints: Vec<i64>,
    floats: Vec<f64>,
    texts: Vec<Text>,
    text_bytes: usize,
    /// Holds all values that are not empty once there are too many to keep.
    spilled: Option<Box<Spilled>>,
}

/// Many values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spilled {
    numbers: Sketch,
    forms: Forms,
    others: Sample,
    least: Extreme,
    greatest: Extreme,
}

/// In which forms numbers were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Forms {
    ints: bool,
    durations: bool,
    others: bool,
}

fn exact_values() -> usize {
    EXACT_VALUES
}

impl Default for Quantile {
    fn default() -> Self {
        Self::keeping(EXACT_VALUES)
    }
}

impl Quantile {
    /// No values yet, of which no more than `exact` are kept as they are, until the state is sent to another node.
    pub fn keeping(exact: usize) -> Self {
        Self {
            exact: exact.min(EXACT_VALUES),
            empty: 0,
            ints: Vec::new(),
            floats: Vec::new(),
            texts: Vec::new(),
            text_bytes: 0,
            spilled: None,
        }
    }

    /// Whether there are so few values that all of them were to be kept, and yet a part did not keep its own.
    pub fn is_short(&self) -> bool {
        let spilled = self.spilled.as_ref();
        spilled.is_some_and(|spilled| spilled.count() <= EXACT_VALUES as u64)
    }

    /// Adds an integer.
    pub fn update_i64(&mut self, value: i64) {
        match &mut self.spilled {
            Some(spilled) => spilled.add_ints(&[value]),
            None => {
                self.ints.push(value);
                self.spill_if_many();
            }
        }
    }

    /// Adds integers.
    pub fn update_i64s(&mut self, values: &[i64]) {
        if self.spilled.is_some() || self.kept() + values.len() > self.exact {
            // Nothing is left to move where this was done before.
            self.spill().add_ints(values);
        } else {
            self.ints.extend_from_slice(values);
        }
    }

    /// Adds a number; what is not a number does not count.
    pub fn update_f64(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        match &mut self.spilled {
            Some(spilled) => spilled.add_float(value),
            None => {
                self.floats.push(value);
                self.spill_if_many();
            }
        }
    }

    /// Adds a text, in any of the forms of a number or not.
    pub fn update_text(&mut self, value: &Text) {
        if value.is_empty() {
            self.empty += 1;
        } else if let Some(n) = parse_canonical_int(value) {
            self.update_i64(n);
        } else if let Some(spilled) = &mut self.spilled {
            spilled.add_text(value);
        } else {
            self.text_bytes += value.len();
            self.texts.push(value.clone());
            self.spill_if_many();
        }
    }

    /// Adds `times` rows that lack the value.
    pub fn update_missing(&mut self, times: u64) {
        self.empty += times;
    }

    /// The value with the share `phi` of the values below it; empty when there was none.
    pub fn text(&self, phi: f64) -> Text {
        let kept = self.kept() as u64;
        let total = self.empty + self.spilled.as_ref().map_or(kept, |spilled| spilled.count());
        let rank = ((phi * total as f64) as u64).min(total.saturating_sub(1));
        match rank.checked_sub(self.empty) {
            None => Text::default(),
            Some(rank) => match &self.spilled {
                Some(spilled) => spilled.at(rank),
                None => self.exact(rank),
            },
        }
    }

    fn exact(&self, rank: u64) -> Text {
        let rank = usize::try_from(rank).unwrap_or(usize::MAX);
        if self.floats.is_empty() && self.texts.is_empty() {
            let mut ints = self.ints.clone();
            return match rank < ints.len() {
                true => ints.select_nth_unstable(rank).1.to_string().into(),
                false => Text::default(),
            };
        }
        let ints = self
            .ints
            .iter()
            .map(|n| (OrderKey::integer(*n), Text::from(n.to_string())));
        let floats = self
            .floats
            .iter()
            .map(|f| (OrderKey::float(*f), Text::from(format_float(*f))));
        let texts = self.texts.iter().map(|text| (OrderKey::new(text), text.clone()));
        let mut all: Vec<_> = ints.chain(floats).chain(texts).collect();
        match rank < all.len() {
            true => all.select_nth_unstable(rank).1.1.clone(),
            false => Text::default(),
        }
    }

    /// Values that are kept as they are.
    fn kept(&self) -> usize {
        self.ints.len() + self.floats.len() + self.texts.len()
    }

    fn spill_if_many(&mut self) {
        if self.kept() > self.exact {
            self.spill();
        }
    }

    /// Moves all values to what holds many.
    fn spill(&mut self) -> &mut Spilled {
        let (ints, floats) = (std::mem::take(&mut self.ints), std::mem::take(&mut self.floats));
        let texts = std::mem::take(&mut self.texts);
        self.text_bytes = 0;
        let spilled = self.spilled.get_or_insert_default();
        spilled.add_ints(&ints);
        floats.into_iter().for_each(|f| spilled.add_float(f));
        texts.iter().for_each(|text| spilled.add_text(text));
        spilled
    }
}

impl Default for Spilled {
    fn default() -> Self {
        Self {
            numbers: Sketch::default(),
            forms: Forms::default(),
            others: Sample::default(),
            least: Extreme::new(End::Least),
            greatest: Extreme::new(End::Greatest),
        }
    }
}

impl Spilled {
    fn add_ints(&mut self, values: &[i64]) {
        let (Some(least), Some(greatest)) = (values.iter().min(), values.iter().max()) else {
            return;
        };
        self.forms.ints = true;
        self.least.update_i64(*least);
        self.greatest.update_i64(*greatest);
        self.numbers.add_ints(values, (*least, *greatest));
    }

    fn add_float(&mut self, value: f64) {
        self.forms.others = true;
        self.numbers.add(value, 1);
        self.least.update_f64(value);
        self.greatest.update_f64(value);
    }

    fn add_text(&mut self, value: &Text) {
        match OrderKey::new(value).number() {
            Some(number) => {
                // Units of durations end with s, m, h, d, w or y; those of sizes with capital letters or i.
                let duration = value.ends_with(|c: char| "smhdwy".contains(c));
                self.forms.durations |= duration;
                self.forms.others |= !duration;
                self.numbers.add(number, 1);
            }
            None => self.others.add(value.clone()),
        }
        self.least.update_text(value);
        self.greatest.update_text(value);
    }

    fn count(&self) -> u64 {
        self.numbers.count() + self.others.count()
    }

    fn at(&self, rank: u64) -> Text {
        if rank == 0 {
            return self.least.text();
        }
        if rank + 1 >= self.count() {
            return self.greatest.text();
        }
        match rank.checked_sub(self.numbers.count()) {
            Some(rank) => self.others.at(rank),
            None => self.forms.show(self.numbers.at(rank)).into(),
        }
    }
}

impl Forms {
    fn merge(&mut self, other: Self) {
        self.ints |= other.ints;
        self.durations |= other.durations;
        self.others |= other.others;
    }

    /// A number in the form that all had.
    fn show(self, number: f64) -> String {
        match self {
            Self {
                ints: true,
                durations: false,
                others: false,
            } => format_float(number.round()),
            Self {
                ints: false,
                durations: true,
                others: false,
            } => format_duration(number.round() as i64),
            _ => format_float(number),
        }
    }
}

impl Partial for Quantile {
    fn merge(&mut self, other: Self) {
        self.exact = self.exact.max(other.exact);
        self.empty += other.empty;
        if let Some(theirs) = other.spilled {
            let mine = self.spill();
            mine.numbers.merge(theirs.numbers);
            mine.forms.merge(theirs.forms);
            mine.others.merge(theirs.others);
            mine.least.merge(theirs.least);
            mine.greatest.merge(theirs.greatest);
        }
        match &mut self.spilled {
            Some(spilled) => {
                spilled.add_ints(&other.ints);
                other.floats.into_iter().for_each(|f| spilled.add_float(f));
                other.texts.iter().for_each(|text| spilled.add_text(text));
            }
            None => {
                self.ints.extend(other.ints);
                self.floats.extend(other.floats);
                self.texts.extend(other.texts);
                self.text_bytes += other.text_bytes;
                self.spill_if_many();
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let kept = (self.ints.capacity() + self.floats.capacity()) * size_of::<i64>();
        let texts = self.texts.capacity() * (size_of::<Text>() + 16) + self.text_bytes;
        let spilled = self.spilled.as_ref().map_or(0, |spilled| {
            size_of::<Spilled>() + spilled.numbers.memory_bytes() + spilled.others.memory_bytes()
        });
        kept + texts + spilled
    }
}
