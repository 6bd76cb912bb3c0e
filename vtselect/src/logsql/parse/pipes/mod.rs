//! Pipes: one file for each shape of arguments, with its node, its parser and its text, and the table of all pipes.
//!
//! A new pipe is a file (or an existing shape) and a line in the table. Nothing here knows how a pipe is executed.

mod coalesce;
mod collapse_nums;
mod decolorize;
mod extract;
mod facets;
mod field_list;
mod field_values;
mod filter_pipe;
mod first_last;
mod format;
mod function;
mod join;
mod json_array_concat;
mod mapping;
mod math;
mod named_result;
mod no_arguments;
mod pack;
mod replace;
mod row_count;
mod running_stats;
mod sample;
mod set_stream_fields;
mod sort;
mod split;
mod stats_pipe;
mod stream_context;
mod time_add;
mod top;
mod union_pipe;
mod uniq;
mod unpack;
mod unpack_syslog;
mod unpack_words;
mod unroll;

use std::fmt;

use super::super::ast::Part;
use super::Result;
use super::cursor::Cursor;

pub use coalesce::Coalesce;
pub use collapse_nums::CollapseNums;
pub use decolorize::Decolorize;
pub use extract::{Extract, ExtractRegexp, Overwrite};
pub use facets::Facets;
pub use field_list::Fields;
pub use field_values::FieldValues;
pub use filter_pipe::FilterRows;
pub use first_last::FirstLast;
pub use format::Format;
pub use function::FieldFunction;
pub use join::Join;
pub use json_array_concat::JsonArrayConcat;
pub use mapping::Mapping;
pub use math::{Math, MathEntry, MathExpr, MathFunc, MathOp};
pub use named_result::NamedResult;
pub use no_arguments::NoArguments;
pub use pack::Pack;
pub use replace::{Replace, ReplaceRegexp};
pub use row_count::RowCount;
pub use running_stats::{RunningCall, RunningFunc, RunningStats};
pub use sample::{GenerateSequence, Sample};
pub use set_stream_fields::SetStreamFields;
pub(super) use sort::sort_fields;
pub use sort::{Sort, SortField};
pub use split::Split;
pub use stats_pipe::{GroupBy, Stats, StatsCall};
pub use stream_context::StreamContext;
pub use time_add::TimeAdd;
pub use top::Top;
pub use union_pipe::Union;
pub use uniq::Uniq;
pub use unpack::Unpack;
pub use unpack_syslog::UnpackSyslog;
pub use unpack_words::UnpackWords;
pub use unroll::Unroll;

/// What a shape of arguments can do.
trait Shape: Sized {
    /// Reads the arguments of the pipe with this name; the cursor is after the name.
    fn parse(c: &mut Cursor<'_>, name: &str) -> Result<Self>;

    /// Writes the arguments as the canonical text has them, with the space in front.
    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Shows the filters and queries in the arguments.
    fn for_each_part(&mut self, _visit: &mut dyn FnMut(Part<'_>)) {}

    /// False when a row may lose its time or get another one.
    fn keeps_time(&self) -> bool {
        true
    }
}

/// Reads the arguments of one pipe.
type Parser = fn(&mut Cursor<'_>) -> Result<Pipe>;

/// Makes the enum of pipes from the table: variant, shape, canonical name, aliases, whether the names are reserved
/// words (or only mean the pipe after a `|`), whether rows can pass while they arrive (live tailing), and whether the
/// last rows of the result come from the last rows of the input.
macro_rules! pipes {
    ($($variant:ident($shape:ty) $name:literal [$($alias:literal)*] $word:ident tail=$tail:literal last=$last:literal;)+) => {
        /// A step that rows go through.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Pipe {
            $(#[doc = concat!("`", $name, "`")] $variant($shape),)+
        }

        impl Pipe {
            /// The canonical name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// True when every row can be passed on as soon as it arrives.
            pub fn can_live_tail(&self) -> bool {
                match self {
                    $(Self::$variant(_) => $tail,)+
                }
            }

            /// True when the last rows by time of the result come from the last rows by time of the input.
            pub fn can_return_last_rows(&self) -> bool {
                match self {
                    $(Self::$variant(shape) => $last && Shape::keeps_time(shape),)+
                }
            }

            /// Calls `visit` for every filter and every query in the arguments.
            pub fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
                match self {
                    $(Self::$variant(shape) => Shape::for_each_part(shape, visit),)+
                }
            }
        }

        impl fmt::Display for Pipe {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())?;
                match self {
                    $(Self::$variant(shape) => Shape::arguments(shape, f),)+
                }
            }
        }

        /// The names of each pipe and how its arguments are read. A table of functions, not a chain of conditions: the
        /// parser is recursive, and one function with the locals of all pipes would need much of the stack.
        const PARSERS: &[(&[&str], Parser)] = &[
            $((&[$name $(, $alias)*], |c| <$shape as Shape>::parse(c, $name).map(Pipe::$variant)),)+
        ];

        const WORDS: &[(&str, bool)] = &[$(($name, pipes!(@ $word)) $(, ($alias, pipes!(@ $word)))*),+];
    };
    (@ reserved) => { true };
    (@ contextual) => { false };
}

pipes! {
    BlockStats(NoArguments)            "block_stats" []              reserved   tail=false last=false;
    BlocksCount(NamedResult)           "blocks_count" []             reserved   tail=false last=false;
    Coalesce(Coalesce)                 "coalesce" []                 contextual tail=true  last=true;
    CollapseNums(CollapseNums)         "collapse_nums" []            reserved   tail=true  last=true;
    Copy(Mapping)                      "copy" ["cp"]                 reserved   tail=true  last=true;
    Decolorize(Decolorize)             "decolorize" []               reserved   tail=true  last=true;
    Delete(Fields)                     "delete" ["del" "rm" "drop"]  reserved   tail=true  last=true;
    DropEmptyFields(NoArguments)       "drop_empty_fields" []        reserved   tail=true  last=true;
    Extract(Extract)                   "extract" []                  reserved   tail=true  last=true;
    ExtractRegexp(ExtractRegexp)       "extract_regexp" []           reserved   tail=true  last=true;
    Facets(Facets)                     "facets" []                   reserved   tail=false last=false;
    FieldNames(NamedResult)            "field_names" []              reserved   tail=false last=false;
    FieldValues(FieldValues)           "field_values" []             reserved   tail=false last=false;
    Fields(Fields)                     "fields" ["keep"]             reserved   tail=true  last=true;
    Filter(FilterRows)                 "filter" ["where"]            reserved   tail=true  last=true;
    First(FirstLast)                   "first" []                    reserved   tail=false last=false;
    Format(Format)                     "format" []                   reserved   tail=true  last=true;
    GenerateSequence(GenerateSequence) "generate_sequence" []        contextual tail=false last=false;
    Hash(FieldFunction)                "hash" []                     reserved   tail=true  last=true;
    Join(Join)                         "join" []                     reserved   tail=true  last=false;
    JsonArrayConcat(JsonArrayConcat)   "json_array_concat" []        contextual tail=true  last=true;
    JsonArrayLen(FieldFunction)        "json_array_len" []           reserved   tail=true  last=true;
    Last(FirstLast)                    "last" []                     reserved   tail=false last=false;
    Len(FieldFunction)                 "len" []                      reserved   tail=true  last=true;
    Limit(RowCount)                    "limit" ["head"]              reserved   tail=false last=false;
    Math(Math)                         "math" ["eval"]               reserved   tail=true  last=true;
    Offset(RowCount)                   "offset" ["skip"]             reserved   tail=false last=false;
    PackJson(Pack)                     "pack_json" []                reserved   tail=true  last=true;
    PackLogfmt(Pack)                   "pack_logfmt" []              reserved   tail=true  last=true;
    QueryStats(NoArguments)            "query_stats" []              contextual tail=false last=false;
    Rename(Mapping)                    "rename" ["mv"]               reserved   tail=true  last=true;
    Replace(Replace)                   "replace" []                  reserved   tail=true  last=true;
    ReplaceRegexp(ReplaceRegexp)       "replace_regexp" []           reserved   tail=true  last=true;
    RunningStats(RunningStats)         "running_stats" []            contextual tail=false last=false;
    Sample(Sample)                     "sample" []                   reserved   tail=true  last=false;
    SetStreamFields(SetStreamFields)   "set_stream_fields" []        contextual tail=true  last=true;
    Sort(Sort)                         "sort" ["order"]              reserved   tail=false last=false;
    Split(Split)                       "split" []                    contextual tail=true  last=true;
    Stats(Stats)                       "stats" []                    reserved   tail=false last=false;
    StatsRemote(Stats)                 "stats_remote" []             reserved   tail=false last=false;
    StreamContext(StreamContext)       "stream_context" []           reserved   tail=false last=false;
    TimeAdd(TimeAdd)                   "time_add" []                 contextual tail=true  last=true;
    Top(Top)                           "top" []                      reserved   tail=false last=false;
    TotalStats(RunningStats)           "total_stats" []              contextual tail=false last=false;
    Union(Union)                       "union" []                    reserved   tail=false last=false;
    Uniq(Uniq)                         "uniq" []                     reserved   tail=false last=false;
    UnpackJson(Unpack)                 "unpack_json" []              reserved   tail=true  last=true;
    UnpackLogfmt(Unpack)               "unpack_logfmt" []            reserved   tail=true  last=true;
    UnpackSyslog(UnpackSyslog)         "unpack_syslog" []            reserved   tail=true  last=true;
    UnpackWords(UnpackWords)           "unpack_words" []             reserved   tail=true  last=true;
    Unroll(Unroll)                     "unroll" []                   reserved   tail=true  last=true;
}

/// True for a word, in lower case, that names a pipe wherever it stands.
pub(in super::super) fn is_reserved(word: &str) -> bool {
    word == "by" || WORDS.iter().any(|&(name, reserved)| reserved && name == word)
}

/// A pipe. Without a name it is `stats` without its keyword, or else a filter.
pub(super) fn pipe(c: &mut Cursor<'_>) -> Result<Pipe> {
    if let Some((_, parser)) = PARSERS.iter().find(|(names, _)| c.is_any(names)) {
        c.advance();
        return parser(c);
    }
    let mark = c.mark();
    let no_stats = match stats_pipe::parse(c) {
        Ok(stats) => return Ok(Pipe::Stats(stats)),
        Err(error) => error,
    };
    c.reset(mark);
    match FilterRows::parse(c, "filter") {
        Ok(filter) => Ok(Pipe::Filter(filter)),
        // The attempt that came further says what is wrong.
        Err(error) if error.position() > no_stats.position() => Err(error),
        Err(_) => Err(no_stats),
    }
}

/// Shows a condition to a visitor of parts.
fn visit_condition(condition: &mut Option<super::Filter>, visit: &mut dyn FnMut(Part<'_>)) {
    if let Some(condition) = condition {
        visit(Part::Filter(condition));
    }
}

/// Writes ` if (filter)`.
fn write_condition(f: &mut fmt::Formatter<'_>, condition: &Option<super::Filter>) -> fmt::Result {
    condition
        .as_ref()
        .map_or(Ok(()), |condition| write!(f, " if ({condition})"))
}

/// Writes ` keyword name`, unless the name is the one that needs no mention.
fn write_name(f: &mut fmt::Formatter<'_>, keyword: &str, name: &str, default: &str) -> fmt::Result {
    if name == default {
        Ok(())
    } else {
        write!(f, " {keyword} {}", super::super::quote::Quoted(name))
    }
}

/// Writes ` by (a, b)`, unless there are none.
fn write_by<T: fmt::Display>(f: &mut fmt::Formatter<'_>, by: &str, items: impl IntoIterator<Item = T>) -> fmt::Result {
    let items: Vec<T> = items.into_iter().collect();
    if items.is_empty() {
        Ok(())
    } else {
        write!(f, " {by} ({})", super::super::ast::List(&items))
    }
}

/// Displays names, in quotes where needed.
fn quoted(names: &[String]) -> impl Iterator<Item = super::super::quote::Quoted<'_>> {
    names.iter().map(|name| super::super::quote::Quoted(name))
}

/// Displays a value at a place where some words mean something else: those get quotes.
struct Unlike<'a>(&'a str, &'static [&'static str]);

impl fmt::Display for Unlike<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = self.1.iter().any(|word| self.0.eq_ignore_ascii_case(word));
        if is_word {
            write!(f, "\"{}\"", self.0)
        } else {
            super::super::quote::Quoted(self.0).fmt(f)
        }
    }
}

/// Writes ` limit N`, unless there is none.
fn write_limit(f: &mut fmt::Formatter<'_>, limit: u64) -> fmt::Result {
    if limit == 0 {
        Ok(())
    } else {
        write!(f, " limit {limit}")
    }
}
