#!/usr/bin/env python3
"""Writes dashboards/vt-single.json and dashboards/vt-cluster.json; with --check, says whether they are up to date."""

import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from generated import keep  # noqa: E402

HERE = pathlib.Path(__file__).parent / "dashboards"
# What panels show: Grafana's units.
BYTES, PER_SECOND, SPANS_PER_SECOND, BYTES_PER_SECOND, SECONDS, COUNT, RATIO = (
    "bytes", "reqps", "cps", "Bps", "s", "short", "percentunit"
)  # fmt: skip
OF = 'job=~"$job", instance=~"$instance"'


def rate(metric, by, more=""):
    return f"sum by ({by}) (rate({metric}{{{OF}{more}}}[$__rate_interval]))"


def now(metric, by="instance", more="", how="sum"):
    return f"{how} by ({by}) ({metric}{{{OF}{more}}})"


def quantile(share, path, by="path"):
    buckets = rate("vt_http_request_duration_seconds_bucket", f"le, {by}", f', path=~"{path}"')
    return f"histogram_quantile({share}, {buckets})"


INSERT, SELECT = ".*/v1/traces", ".*/select/.*"
# A row: title, then panels as (title, what it means, unit, (expression, legend)...).
INGESTION = ("Ingestion", [
    ("Spans stored", "Acknowledged spans by protocol", SPANS_PER_SECOND,
     (rate("vt_rows_ingested_total", "type"), "{{type}}")),
    ("Bytes taken", "Bodies of requests after decompression", BYTES_PER_SECOND,
     (rate("vt_bytes_ingested_total", "type"), "{{type}}")),
    ("Spans rejected", "Told to the client as partial success, by reason", SPANS_PER_SECOND,
     (rate("vt_rows_dropped_total", "reason"), "{{reason}}")),
    ("Insert requests at work", "Of so many that may be; more wait", COUNT,
     (now("vt_concurrent_insert_current"), "{{instance}}"),
     (now("vt_concurrent_insert_capacity", how="max"), "{{instance}} at most")),
    ("Insert requests that waited or were refused", "Overload: more nodes or more memory are due", PER_SECOND,
     (rate("vt_concurrent_insert_limit_reached_total", "instance"), "{{instance}} waited"),
     (rate("vt_concurrent_insert_limit_timeout_total", "instance"), "{{instance}} refused")),
    ("Memory of insert requests", "Bodies under way, of --insert.maxInflightBytes", BYTES,
     (now("vt_insert_bytes_in_flight"), "{{instance}}")),
])  # fmt: skip
ERRORS = ("Errors", [
    ("Requests", "By path", PER_SECOND, (rate("vt_http_requests_total", "path"), "{{path}}")),
    ("Requests answered with an error", "By path; status 4xx and 5xx", PER_SECOND,
     (rate("vt_http_errors_total", "path"), "{{path}}")),
    ("Warnings and errors in the logs", "Messages by level", PER_SECOND,
     (rate("vt_log_messages_total", "level, instance", ', level=~"WARN|ERROR"'), "{{level}} {{instance}}")),
])  # fmt: skip
LATENCY = ("Latency", [
    ("Insert requests, 99th percentile", "From the head of a request to its answer", SECONDS,
     (quantile(0.99, INSERT), "{{path}}")),
    ("Queries, median", "By path", SECONDS, (quantile(0.5, SELECT), "{{path}}")),
    ("Queries, 99th percentile", "By path", SECONDS, (quantile(0.99, SELECT), "{{path}}")),
    ("Queries at work", "Of so many that may run; more wait", COUNT,
     (now("vt_concurrent_select_current"), "{{instance}}"),
     (now("vt_concurrent_select_capacity", how="max"), "{{instance}} at most")),
    ("Slow queries", "Slower than --search.logSlowQueryDuration; the log names them", PER_SECOND,
     (rate("vt_slow_queries_total", "instance"), "{{instance}}")),
    ("Queries that waited or were refused", "For want of a turn", PER_SECOND,
     (rate("vt_concurrent_select_limit_reached_total", "instance"), "{{instance}} waited"),
     (rate("vt_concurrent_select_limit_timeout_total", "instance"), "{{instance}} refused")),
])  # fmt: skip
STORAGE = ("Storage", [
    ("Spans stored", "In blocks; copies count", COUNT, (now("vt_storage_rows"), "{{instance}}")),
    ("Size on disk", "Blocks (storage), and headers, index and catalogue (indexdb)", BYTES,
     (now("vt_data_size_bytes", "instance, type"), "{{instance}} {{type}}")),
    ("Bytes per span", "On disk, all included", BYTES,
     (f"{now('vt_data_size_bytes')} / {now('vt_storage_rows')}", "{{instance}}")),
    ("Free disk space", "Below --storage.minFreeDiskSpaceBytes writes are refused", BYTES,
     (now("vt_free_disk_space_bytes", how="min"), "{{instance}}"),
     (now("vt_total_disk_space_bytes", how="max"), "{{instance}} in all")),
    ("Spans not in blocks yet", "They are in the log and in memory", COUNT, (now("vt_head_spans"), "{{instance}}")),
    ("Memory by part", "Of the storage engine", BYTES,
     (now("vt_head_bytes"), "{{instance}} spans not in blocks"),
     (now("vt_header_bytes"), "{{instance}} headers"),
     (now("vt_cache_bytes"), "{{instance}} cache"),
     (now("vt_memtable_bytes"), "{{instance}} memtables")),
    ("Blocks and days", "A day is dropped whole when it is too old", COUNT,
     (now("vt_storage_blocks"), "{{instance}} blocks"), (now("vt_partitions"), "{{instance}} days")),
    ("Flushes and merges", "Heads written as blocks, blocks merged", PER_SECOND,
     (rate("vt_flushes_total", "instance"), "{{instance}} flushes"),
     (rate("vt_merges_total", "instance"), "{{instance}} merges")),
    ("Trouble", "All of these should be nothing", COUNT,
     (now("vt_storage_is_read_only"), "{{instance}} read-only"),
     (rate("vt_flush_failures_total", "instance"), "{{instance}} failed flushes"),
     (rate("vt_merge_failures_total", "instance"), "{{instance}} failed merges"),
     (rate("vt_wal_sync_failures_total", "instance"), "{{instance}} failed syncs"),
     (rate("vt_overloaded_writes_total", "instance"), "{{instance}} refused writes"),
     (now("vt_damaged_blocks"), "{{instance}} damaged blocks"),
     (now("vt_quarantined_records_total"), "{{instance}} unreadable records")),
])  # fmt: skip
REPLICATION = ("Replication", [
    ("Slots with too few copies", "As each storage node knows the cluster", COUNT,
     (now("vt_cluster_under_replicated_slots", how="max"), "{{instance}}")),
    ("Members", "Known, live, and missing something", COUNT,
     (now("vt_cluster_members", "job", how="max"), "known"),
     (now("vt_cluster_live_members", "job", how="max"), "live"),
     (now("vt_cluster_out_of_sync_members", "job", how="max"), "out of sync")),
    ("In sync", "1 while a node's answers are complete", COUNT, (now("vt_cluster_in_sync"), "{{instance}}")),
    ("Hints kept", "Bytes of writes that are kept for a node that is away", BYTES,
     (now("vt_hint_bytes", "instance, node"), "{{instance}} for {{node}}")),
    ("Age of the oldest hint", "It goes down once its node is back", SECONDS,
     (now("vt_hint_age_seconds", "node", how="max"), "for {{node}}")),
    ("Hints taken, delivered, refused", "By the nodes that keep them", PER_SECOND,
     (rate("vt_hints_stored_total", "instance"), "{{instance}} taken"),
     (rate("vt_hints_delivered_total", "instance"), "{{instance}} delivered"),
     (rate("vt_hints_refused_total", "instance"), "{{instance}} refused")),
    ("Storage nodes as insert nodes see them", "0: it is only probed", COUNT,
     (now("vt_insert_node_up", "node", how="min"), "{{node}}")),
    ("Bytes to storage nodes", "Compressed; copies count", BYTES_PER_SECOND,
     (rate("vt_insert_node_bytes_total", "node"), "{{node}}")),
    ("Requests with less than all copies", "With a hint, or with fewer copies than wanted", PER_SECOND,
     (rate("vt_insert_hinted_requests_total", "instance"), "{{instance}} hinted"),
     (rate("vt_insert_under_replicated_requests_total", "instance"), "{{instance}} fewer copies")),
    ("Partial answers", "Without what no storage node could give", PER_SECOND,
     (rate("vt_partial_responses_total", "instance"), "{{instance}}")),
    ("Writes that storage nodes did not take", "They are sent again or kept as hints", PER_SECOND,
     (rate("vt_insert_node_errors_total", "node"), "{{node}}")),
])  # fmt: skip
MOVES = ("Moves", [
    ("Transfers under way", "Spans that move to a node, because it joined, another leaves, or copies were lost", COUNT,
     (now("vt_transfers"), "{{instance}}")),
    ("Bytes fetched by transfers", "Compressed", BYTES_PER_SECOND,
     (rate("vt_transfer_bytes_total", "instance"), "{{instance}}")),
    ("Spans taken over and given up", "By the nodes that hold them now or held them before", SPANS_PER_SECOND,
     (rate("vt_transfer_spans_total", "instance"), "{{instance}} taken over"),
     (rate("vt_transfer_dropped_spans_total", "instance"), "{{instance}} given up")),
    ("Transfers completed and failed", "A failed one is tried again", PER_SECOND,
     (rate("vt_transfers_completed_total", "instance"), "{{instance}} completed"),
     (rate("vt_transfer_failures_total", "instance"), "{{instance}} failed")),
])  # fmt: skip
RAFT = ("Raft", [
    ("Leader", "1 on the node that leads", COUNT, (now("vt_raft_is_leader"), "{{instance}}")),
    ("Knows a leader", "Without one, no change of the cluster is possible", COUNT,
     (now("vt_raft_has_leader"), "{{instance}}")),
    ("Term", "Rises with each election", COUNT, (now("vt_raft_term", how="max"), "{{instance}}")),
    ("Applied entries", "Nodes that lag behind stand out", COUNT, (now("vt_raft_applied_index"), "{{instance}}")),
    ("State and placement", "Version of the cluster's state, and placement epoch", COUNT,
     (now("vt_cluster_version"), "{{instance}} version"), (now("vt_cluster_epoch"), "{{instance}} epoch")),
    ("Read lease", "What is left of it: without one, answers of a node count as partial", SECONDS,
     (now("vt_cluster_lease_seconds"), "{{instance}}")),
])  # fmt: skip
PROCESS = ("Processes", [
    ("CPU", "Cores in use", COUNT, (rate("process_cpu_seconds_total", "instance"), "{{instance}}")),
    ("Memory", "Resident", BYTES, (now("process_resident_memory_bytes"), "{{instance}}")),
    ("Open files", "Of so many that may be", COUNT,
     (now("process_open_fds"), "{{instance}}"), (now("process_max_fds", how="max"), "{{instance}} at most")),
    ("Connections", "By listener", COUNT, (now("vt_tcp_connections", "instance, listener"), "{{instance}} {{listener}}")),
    ("Disk reads and writes", "As the kernel counts them", BYTES_PER_SECOND,
     (rate("process_io_storage_read_bytes_total", "instance"), "{{instance}} read"),
     (rate("process_io_storage_written_bytes_total", "instance"), "{{instance}} written")),
    ("Uptime", "Restarts stand out", SECONDS, (now("vt_app_uptime_seconds", how="min"), "{{instance}}")),
])  # fmt: skip

DASHBOARDS = {
    "vt-single": ("vt: single node", "vtsingle", [INGESTION, ERRORS, LATENCY, STORAGE, PROCESS]),
    "vt-cluster": (
        "vt: cluster",
        "vt(insert|storage|select)",
        [INGESTION, ERRORS, LATENCY, STORAGE, REPLICATION, MOVES, RAFT, PROCESS],
    ),
}
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, PER_ROW = 8, 7, 3


def panel(number, x, y, title, meaning, unit, *targets):
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "description": meaning,
        "datasource": DATA_SOURCE,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 5}}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": {"displayMode": "list"}},
        "targets": [
            {"refId": chr(ord("A") + n), "expr": expression, "legendFormat": legend, "datasource": DATA_SOURCE}
            for n, (expression, legend) in enumerate(targets)
        ],
    }


def panels(rows):
    made, y = [], 0
    for title, row in rows:
        made.append(
            {"id": len(made) + 1, "type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}
        )
        y += 1
        for n, spec in enumerate(row):
            made.append(panel(len(made) + 1, n % PER_ROW * WIDTH, y + n // PER_ROW * HEIGHT, *spec))
        y += -(-len(row) // PER_ROW) * HEIGHT
    return made


def variable(name, query):
    return {
        "name": name,
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard(uid, title, app, rows):
    return {
        "uid": uid,
        "title": title,
        "tags": ["vt", "tracing"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                variable("job", f'label_values(vt_app_version{{app=~"{app}"}}, job)'),
                variable("instance", 'label_values(vt_app_version{job=~"$job"}, instance)'),
            ]
        },
        "panels": panels(rows),
    }


def main():
    made = {uid: dashboard(uid, title, app, rows) for uid, (title, app, rows) in DASHBOARDS.items()}
    keep(__file__, {HERE / f"{uid}.json": json.dumps(one, indent=1) + "\n" for uid, one in made.items()})


if __name__ == "__main__":
    main()
