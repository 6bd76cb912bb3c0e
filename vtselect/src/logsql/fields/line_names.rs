//! The names of the fields that lines have, each written once, and the order of the fields in a line, found once for
//! each combination of them.

use common::query::AttrLevel;
use hashbrown::HashMap;
use std::sync::Arc;

use super::super::exec::json;
use super::column_rank;
use super::names::level_prefix;

/// Where an attribute is: its level, or the event or link with this index.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Level(AttrLevel),
    Event(u32),
    Link(u32),
}

impl Place {
    /// The name of the field with this key.
    pub(super) fn name(self, key: &str) -> String {
        match self {
            Self::Level(level) => format!("{}{key}", level_prefix(level)),
            Self::Event(index) => format!("event:event_attr:{key}:{index}"),
            Self::Link(index) => format!("link:link_attr:{key}:{index}"),
        }
    }
}

/// The fields of a span itself: the numbers that they have in [`LineNames`].
macro_rules! own {
    ($($constant:ident = $number:literal, $name:literal;)+) => {
        pub(super) mod own {
            $(pub(in super::super) const $constant: u32 = $number;)+
        }
        const OWN: &[&str] = &[$($name),+];
    };
}

own! {
    TIME = 0, "_time";
    STREAM_ID = 1, "_stream_id";
    STREAM = 2, "_stream";
    MESSAGE = 3, "_msg";
    TRACE_ID = 4, "trace_id";
    SPAN_ID = 5, "span_id";
    PARENT_SPAN_ID = 6, "parent_span_id";
    TRACE_STATE = 7, "trace_state";
    NAME = 8, "name";
    STATUS_MESSAGE = 9, "status_message";
    FLAGS = 10, "flags";
    KIND = 11, "kind";
    STATUS_CODE = 12, "status_code";
    START = 13, "start_time_unix_nano";
    END = 14, "end_time_unix_nano";
    DURATION = 15, "duration";
    DROPPED_ATTRIBUTES = 16, "dropped_attributes_count";
    DROPPED_EVENTS = 17, "dropped_events_count";
    DROPPED_LINKS = 18, "dropped_links_count";
    SCOPE_NAME = 19, "scope_name";
    SCOPE_VERSION = 20, "scope_version";
}

/// Fields and combinations that are remembered.
const MOST_FIELDS: usize = 16 << 10;
const MOST_SHAPES: usize = 4 << 10;

/// Fields by number.
pub(super) struct LineNames {
    /// In quotes, with the colon behind it
    written: Vec<String>,
    names: Vec<String>,
    /// The place of each field in the order of all; as many as there were when they were ordered
    ranks: Vec<u32>,
    attributes: HashMap<Place, HashMap<Arc<str>, u32>>,
    indexed: HashMap<(&'static str, u32), u32>,
    /// For the fields of a span, as they come, which of them are written in which order
    shapes: HashMap<Box<[u32]>, Box<[u32]>>,
}

impl Default for LineNames {
    fn default() -> Self {
        let mut names = Self {
            written: Vec::new(),
            names: Vec::new(),
            ranks: Vec::new(),
            attributes: HashMap::new(),
            indexed: HashMap::new(),
            shapes: HashMap::new(),
        };
        for name in OWN {
            names.add((*name).to_owned());
        }
        names
    }
}

impl LineNames {
    /// Forgets what was remembered if it is much. Numbers of before have no meaning then.
    pub(super) fn tidy(&mut self) {
        if self.names.len() > MOST_FIELDS {
            *self = Self::default();
        }
        if self.shapes.len() > MOST_SHAPES {
            self.shapes.clear();
        }
    }

    fn add(&mut self, name: String) -> u32 {
        let number = self.names.len() as u32;
        let mut written = String::with_capacity(name.len() + 4);
        json::write_string(&mut written, &name);
        written.push(':');
        self.written.push(written);
        self.names.push(name);
        number
    }

    /// The field of an attribute.
    pub(super) fn attribute(&mut self, place: Place, key: &Arc<str>) -> u32 {
        let known = self.attributes.get(&place).and_then(|keys| keys.get(&**key));
        if let Some(number) = known {
            return *number;
        }
        let number = self.add(place.name(key));
        self.attributes.entry(place).or_default().insert(key.clone(), number);
        number
    }

    /// A field of an event or link besides its attributes.
    pub(super) fn indexed(&mut self, name: &'static str, index: u32) -> u32 {
        if let Some(number) = self.indexed.get(&(name, index)) {
            return *number;
        }
        let number = self.add(format!("{name}:{index}"));
        self.indexed.insert((name, index), number);
        number
    }

    /// Puts all fields in order. To be called when fields were added, before lines are written.
    pub(super) fn rank(&mut self) {
        if self.ranks.len() == self.names.len() {
            return;
        }
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        let name = |number: &u32| self.names.get(*number as usize).map_or("", String::as_str);
        order.sort_by(|a, b| column_rank(name(a)).cmp(&column_rank(name(b))));
        self.ranks = vec![0; order.len()];
        for (rank, number) in (0..).zip(order) {
            self.ranks
                .get_mut(number as usize)
                .into_iter()
                .for_each(|known| *known = rank);
        }
        self.shapes.clear();
    }

    /// The fields of a line in their order: the name of each, and its place in `fields`. Of a field that is there
    /// several times the first counts.
    pub(super) fn in_order(&mut self, fields: &[u32]) -> impl Iterator<Item = (&str, usize)> {
        if !self.shapes.contains_key(fields) {
            let rank = |place: &u32| {
                let field = fields.get(*place as usize).copied().unwrap_or_default();
                self.ranks.get(field as usize).copied().unwrap_or_default()
            };
            let mut places: Vec<u32> = (0..fields.len() as u32).collect();
            places.sort_by_key(rank);
            places.dedup_by_key(|place| rank(place));
            self.shapes.insert(fields.into(), places.into());
        }
        let places = self.shapes.get(fields).map_or(&[][..], |places| places);
        places.iter().filter_map(|place| {
            let field = fields.get(*place as usize)?;
            Some((self.written.get(*field as usize)?.as_str(), *place as usize))
        })
    }
}
