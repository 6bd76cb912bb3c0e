//! Jaeger's own integration cases (`../shared/conformance/jaeger`), over real HTTP: 27 searches, whole traces,
//! services and operations, translations, and the cases that Jaeger builds in code; then the traps of the API that
//! no data set covers. Each target runs all of them; what differs between targets is in [`target`].

mod data;
mod envelope;
mod manifest;
mod programmatic;
mod searches;
mod target;
mod translate;

use data::DataSet;
use target::Target;

/// Everything that holds for any target.
fn all(target: &Target) {
    envelope::run(target);
    programmatic::built_in_code(target);
    let Some(data) = DataSet::find() else { return };
    programmatic::built_from_fixtures(target, &data);
    searches::run(target, &data);
    manifest::run(target, &data);
    translate::run(target, &data);
}

#[test]
fn over_the_memory_store() {
    all(&Target::memory());
}
