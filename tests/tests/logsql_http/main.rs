//! LogsQL's HTTP API, endpoint by endpoint, as clients call it: on the reference store, on the storage engine, and on a
//! cluster.

mod clients;
mod data;
mod differential;
mod endpoints;
mod explain;
mod limits;
mod target;
mod waiting;

/// Runs the cases on each kind of store.
macro_rules! on_each_store {
    ($($case:path),+ $(,)?) => {
        #[test]
        fn on_the_reference_store() {
            let target = target::Target::memory();
            data::write(&target);
            $($case(&target);)+
        }

        #[test]
        fn on_the_heads_of_the_engine() {
            let target = target::Target::engine();
            data::write(&target);
            $($case(&target);)+
        }

        #[test]
        fn on_the_blocks_of_the_engine() {
            let target = target::Target::engine();
            data::write(&target);
            target.settle();
            $($case(&target);)+
        }

        #[test]
        fn on_a_cluster() {
            let target = target::Target::cluster(1);
            data::write(&target);
            $($case(&target);)+
        }

        #[test]
        fn on_the_blocks_of_a_cluster_with_replicas() {
            let target = target::Target::cluster(2);
            data::write(&target);
            target.settle();
            $($case(&target);)+
        }
    };
}

on_each_store! {
    endpoints::query_prints_whole_spans,
    endpoints::query_prints_what_is_asked_for,
    endpoints::a_limit_takes_the_newest,
    endpoints::hits_by_time_and_fields,
    endpoints::facets_of_all_fields,
    endpoints::names_and_values_of_fields,
    endpoints::streams_and_their_labels,
    endpoints::vectors_of_statistics,
    endpoints::matrices_of_statistics,
    endpoints::the_time_range_of_a_query,
    endpoints::tail_sends_new_spans,
    endpoints::pipes_run_over_rows,
    endpoints::subqueries_give_values,
    clients::the_queries_of_an_article,
    clients::vmalert_asks_for_vectors,
    clients::vmalert_asks_for_matrices,
    clients::forms_and_extra_filters,
    limits::errors_are_texts,
    limits::errors_of_statistics_are_json,
    limits::tenants_see_their_own,
    limits::a_query_over_its_budget_fails_alone,
    explain::a_report_instead_of_the_answer,
}
