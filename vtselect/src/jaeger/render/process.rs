//! Processes: each distinct resource of a trace once, numbered in the order of first use.

use super::super::envelope::close_list;
use super::value::tag;
use crate::http::json;
use common::span::{Resource, SERVICE_NAME};
use common::value::Attribute;
use hashbrown::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The service of a resource without attributes.
const NO_SERVICE: &str = "OTLPResourceNoServiceName";

/// The processes of all traces of an answer. Resources are rendered once and told apart by what is rendered.
pub(crate) struct ProcessTable<'a> {
    sorted: bool,
    by_address: HashMap<ByAddress<'a>, usize>,
    by_content: HashMap<Arc<[u8]>, usize>,
    rendered: Vec<Rendered>,
    /// The processes of the current trace, as places in `rendered`
    used: Vec<usize>,
    trace: u64,
}

struct Rendered {
    json: Arc<[u8]>,
    /// The last trace that used it, and its number in that trace
    trace: u64,
    number: u64,
}

impl<'a> ProcessTable<'a> {
    pub(crate) fn new(sorted: bool) -> Self {
        Self {
            sorted,
            by_address: HashMap::new(),
            by_content: HashMap::new(),
            rendered: Vec::new(),
            used: Vec::new(),
            trace: 0,
        }
    }

    pub(crate) fn begin_trace(&mut self) {
        self.trace += 1;
        self.used.clear();
    }

    /// The number `n` of the process `p<n>` in the current trace.
    pub(crate) fn number_of(&mut self, resource: &'a Resource) -> u64 {
        let place = match self.by_address.get(&ByAddress(resource)) {
            Some(place) => *place,
            None => self.add(resource),
        };
        let next = self.used.len() as u64 + 1;
        let Some(process) = self.rendered.get_mut(place) else {
            return next;
        };
        if process.trace != self.trace {
            process.trace = self.trace;
            process.number = next;
            self.used.push(place);
        }
        process.number
    }

    fn add(&mut self, resource: &'a Resource) -> usize {
        let json: Arc<[u8]> = render(resource, self.sorted).into();
        let next = self.rendered.len();
        let place = *self.by_content.entry(json.clone()).or_insert(next);
        if place == next {
            self.rendered.push(Rendered {
                json,
                trace: 0,
                number: 0,
            });
        }
        self.by_address.insert(ByAddress(resource), place);
        place
    }

    /// Appends `"p1":{…},"p2":{…}` of the current trace.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (i, process) in self
            .used
            .iter()
            .filter_map(|place| self.rendered.get(*place))
            .enumerate()
        {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"\"p");
            json::unsigned(out, process.number);
            out.extend_from_slice(b"\":");
            out.extend_from_slice(&process.json);
        }
    }
}

fn render(resource: &Resource, sorted: bool) -> Vec<u8> {
    let mut out = b"{\"serviceName\":".to_vec();
    let no_attributes = resource.attributes.is_empty();
    json::string(
        &mut out,
        if no_attributes {
            NO_SERVICE
        } else {
            resource.service_name().unwrap_or_default()
        },
    );
    out.extend_from_slice(b",\"tags\":[");
    let mut tags: Vec<&Attribute> = resource.attributes.iter().filter(|a| &*a.key != SERVICE_NAME).collect();
    if sorted {
        tags.sort_by(|a, b| a.key.cmp(&b.key));
    }
    for attribute in tags {
        tag(&mut out, attribute);
    }
    close_list(&mut out);
    out.push(b'}');
    out
}

/// A resource that equals itself only.
#[derive(Clone, Copy)]
struct ByAddress<'a>(&'a Resource);

impl PartialEq for ByAddress<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for ByAddress<'_> {}

impl Hash for ByAddress<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self.0, state);
    }
}
