//! The pipes as they are executed: one file each, and the table from the tree to what executes it.
//!
//! A new pipe is a file and a line in [`build`]. Most pipes look at one block at a time ([`PerBlock`]); the others hold
//! rows, groups or counts and account for them.

mod blocks_count;
mod coalesce;
mod collapse_nums;
mod condition;
mod decolorize;
mod delete;
mod drop_empty_fields;
mod extract;
mod extract_regexp;
mod facets;
mod field_names;
mod field_values;
mod fields;
mod filter;
mod format;
mod generate_sequence;
mod hash;
mod join;
mod json_array_concat;
mod json_array_len;
mod len;
mod limit;
mod mapping;
mod math;
mod offset;
mod overwrite;
mod pack;
mod per_block;
mod random;
mod replace;
mod running_stats;
mod sample;
mod sort;
mod split;
mod stats;
#[cfg(test)]
mod tests;
mod time_add;
mod top;
mod union_pipe;
mod uniq;
mod unix_time;
mod unpack;
mod unpack_words;
mod unroll;

use super::super::ast::Pipe as Node;
use super::{Account, ExecContext, ExecError, Out, Pipe, Rows};
use condition::Condition;
pub(in crate::logsql) use condition::values_of as subquery_values;
pub use facets::FacetValues;
use per_block::{PerBlock, Transform};

/// What comes out of a pipe that counts rows (`uniq`, `top`, `field_values`) when each of these rows stands for as many
/// as its place in `times` says; an error for any other pipe.
pub fn of_counts(
    node: &Node,
    rows: &Rows,
    times: &[u64],
    context: &ExecContext,
    out: &mut Out<'_>,
) -> Result<(), ExecError> {
    let account = Account::new(&context.query, node.name());
    let times = |row: usize| times.get(row).copied().unwrap_or_default();
    let mut uniq = match node {
        Node::Top(shape) => {
            let mut top = top::Top::new(shape, account);
            top.add(rows, times)?;
            return top.finish(out);
        }
        Node::Uniq(shape) => uniq::Uniq::new(shape, account),
        Node::FieldValues(shape) => field_values::new(shape, account),
        other => return Err(ExecError::Unsupported(format!("pipe `{}` over counts", other.name()))),
    };
    uniq.push_times(rows, times, out)?;
    uniq.finish(out)
}

/// Makes a pipe ready; an error for one that is parsed and not executed.
pub(super) fn build(node: &Node, context: &ExecContext) -> Result<Box<dyn Pipe>, ExecError> {
    let account = || Account::new(&context.query, node.name());
    let condition = |filter| Condition::new(filter, context);
    Ok(match node {
        Node::BlocksCount(shape) => Box::new(blocks_count::BlocksCount::new(shape)),
        Node::Coalesce(shape) => block(coalesce::Coalesce::new(shape)),
        Node::CollapseNums(shape) => block(collapse_nums::CollapseNums::new(shape, condition(&shape.condition)?)),
        Node::Copy(shape) => block(mapping::Copy::new(shape)),
        Node::Decolorize(shape) => block(decolorize::Decolorize::new(shape)),
        Node::Delete(shape) => block(delete::Delete::new(shape)),
        Node::DropEmptyFields(_) => block(drop_empty_fields::DropEmptyFields),
        Node::Extract(shape) => block(extract::Extract::new(shape, condition(&shape.condition)?)),
        Node::ExtractRegexp(shape) => block(extract_regexp::ExtractRegexp::new(shape, condition(&shape.condition)?)),
        Node::Facets(shape) => Box::new(facets::Facets::new(shape, account())),
        Node::FieldNames(shape) => Box::new(field_names::FieldNames::new(shape, account())),
        Node::FieldValues(shape) => Box::new(field_values::new(shape, account())),
        Node::Fields(shape) => block(fields::KeepFields::new(shape)),
        Node::Filter(shape) => Box::new(filter::FilterRows::new(shape, context)?),
        Node::First(shape) => Box::new(sort::first(shape, account())),
        Node::Format(shape) => block(format::Format::new(shape, condition(&shape.condition)?)),
        Node::GenerateSequence(shape) => Box::new(generate_sequence::GenerateSequence::new(shape)),
        Node::Hash(shape) => block(hash::Hash::new(shape)),
        Node::Join(shape) => Box::new(join::Join::new(shape, context, account())),
        Node::JsonArrayConcat(shape) => block(json_array_concat::JsonArrayConcat::new(shape)),
        Node::JsonArrayLen(shape) => block(json_array_len::JsonArrayLen::new(shape)),
        Node::Last(shape) => Box::new(sort::last(shape, account())),
        Node::Len(shape) => block(len::Len::new(shape)),
        Node::Limit(shape) => Box::new(limit::Limit::new(shape)),
        Node::Math(shape) => block(math::Math::new(shape, context.now)),
        Node::Offset(shape) => Box::new(offset::Offset::new(shape)),
        Node::PackJson(shape) => block(pack::Pack::json(shape)),
        Node::PackLogfmt(shape) => block(pack::Pack::logfmt(shape)),
        Node::Rename(shape) => block(mapping::Rename::new(shape)),
        Node::Replace(shape) => block(replace::Replace::new(shape, condition(&shape.condition)?)),
        Node::ReplaceRegexp(shape) => block(replace::ReplaceRegexp::new(shape, condition(&shape.condition)?)),
        Node::RunningStats(shape) => Box::new(running_stats::RunningStats::running(shape, account())),
        Node::Sample(shape) => block(sample::Sample::new(shape)),
        Node::Sort(shape) => sort::new(shape, account()),
        Node::Split(shape) => block(split::Split::new(shape)),
        Node::Stats(shape) => Box::new(stats::Stats::new(shape, context, account())?),
        Node::TimeAdd(shape) => block(time_add::TimeAdd::new(shape)),
        Node::Top(shape) => Box::new(top::Top::new(shape, account())),
        Node::TotalStats(shape) => Box::new(running_stats::RunningStats::total(shape, account())),
        Node::Union(shape) => Box::new(union_pipe::Union::new(shape, context)),
        Node::Uniq(shape) => Box::new(uniq::Uniq::new(shape, account())),
        Node::UnpackJson(shape) => block(unpack::Unpack::json(shape, condition(&shape.condition)?)),
        Node::UnpackLogfmt(shape) => block(unpack::Unpack::logfmt(shape, condition(&shape.condition)?)),
        Node::UnpackSyslog(shape) => {
            let condition = condition(&shape.condition)?;
            block(unpack::Unpack::syslog(shape, condition, context.now))
        }
        Node::UnpackWords(shape) => block(unpack_words::UnpackWords::new(shape)),
        Node::Unroll(shape) => Box::new(unroll::Unroll::new(shape, condition(&shape.condition)?)),
        Node::BlockStats(_)
        | Node::QueryStats(_)
        | Node::SetStreamFields(_)
        | Node::StatsRemote(_)
        | Node::StreamContext(_) => return Err(ExecError::unsupported_pipe(node.name())),
    })
}

fn block<T: Transform + 'static>(transform: T) -> Box<dyn Pipe> {
    Box::new(PerBlock(transform))
}
