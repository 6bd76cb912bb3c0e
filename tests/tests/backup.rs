//! Backups: a snapshot is copied away, all data is lost, and nodes that begin with the copy hold what it held.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tests::cluster::{Cluster, Layout};
use tests::load::{self, Load};
use tests::process::{Client, Options, Program, Server};
use tests::vtctl::{vtctl, vtctl_json};

/// Makes a snapshot, and returns what it says of itself.
fn snapshot(node: &Server, name: &str) -> Value {
    let (status, body) = node.post(&format!("/internal/snapshot/create?name={name}"), "text/plain", b"");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["snapshot"].clone()
}

/// Copies a directory away from links and all, as a backup program would.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).expect("a copy");
            }
        }
    }
}

fn count(load: &Load, node: &Client) -> usize {
    let (status, body) = node.get(&load.count_path("query"));
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["n"].as_str().expect("a count").parse().expect("a number")
}

#[test]
fn a_single_nodes_backup_has_all_that_was_acknowledged_before_it() {
    let node = Server::new();
    let load = Load::new(load::now(), 1, &[0]);
    let (least, backup) = std::thread::scope(|scope| {
        let url = node.url("");
        let sending = &load;
        scope.spawn(move || sending.run_on(0, &[url], Duration::ZERO));
        let _stop = load.stop_on_drop();
        load.wait_for_acknowledged(100);
        let least = load.stored_spans();
        assert_eq!(snapshot(&node, "busy")["name"], "busy");
        load.wait_for_acknowledged(load.acknowledged() + 100);
        let backup = tempfile::tempdir().expect("a directory");
        copy(&node.data_dir().join("snapshots/busy"), backup.path());
        (least, backup)
    });
    let flag = format!("--storage.restoreFrom={}", backup.path().display());
    let most = format!("--search.maxTraces={}", load::MAX_TRACES);
    let mut restored = Options::default().flag(flag).flag(most).start();
    let found = count(&load, &restored);
    assert!(
        (least..load.stored_spans()).contains(&found),
        "{found}, at least {least}"
    );
    // It goes on by itself, and restores nothing over what it has.
    let more = Load::new(load::now(), 2, &[0]);
    more.run(0, &restored.url(""), 20);
    restored.stop();
    restored.start_again();
    assert!(restored.log().contains("nothing is restored"), "{}", restored.log());
    assert_eq!(count(&load, &restored), found);
    more.check(&restored);
}

#[test]
fn snapshots_are_listed_and_deleted_and_lead_nowhere_else() {
    let node = Server::new();
    let post = |path: &str| node.post(&format!("/internal/snapshot/{path}"), "text/plain", b"");
    let names = || -> Vec<String> {
        let answer: Value = serde_json::from_str(&post("list").1).expect("JSON");
        let snapshots = answer["snapshots"].as_array().expect("snapshots").iter();
        snapshots
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert!(names().is_empty());
    snapshot(&node, "b");
    snapshot(&node, "a");
    let (status, own) = post("create");
    assert_eq!(status, 200, "{own}");
    assert!(
        names().starts_with(&["a".into()]) && names().len() == 3,
        "{:?}",
        names()
    );
    assert_eq!(post("create?name=a").0, 409);
    assert_eq!(post("delete?name=b").0, 200);
    assert_eq!(post("delete?name=b").0, 404);
    assert_eq!(names().len(), 2);
    for bad in [
        "create?name=..%2Fx",
        "delete?name=..",
        "delete?name=",
        "delete",
        "create?nam=x",
    ] {
        assert_eq!(post(bad).0, 400, "{bad}");
    }
    assert_eq!(node.get("/internal/snapshot/list").0, 405);
    let kept = fs::read_dir(node.data_dir().join("snapshots"))
        .expect("a directory")
        .count();
    assert_eq!(kept, 2, "nothing half made is left");
}

/// What each storage node holds, by its id.
fn digests(cluster: &Cluster) -> BTreeMap<String, Value> {
    let of = |node: &Server| {
        let answer = node.get_json("/internal/digest");
        (
            answer["node"].as_str().expect("an id").to_owned(),
            answer["slots"].clone(),
        )
    };
    cluster.storage.iter().map(of).collect()
}

fn peers(cluster: &Cluster) -> String {
    let addrs: Vec<String> = cluster
        .storage
        .iter()
        .map(|node| node.http_addr().to_string())
        .collect();
    addrs.join(",")
}

/// There is `monday` on all of them; it is gone from one, and then from all.
fn check_snapshots_of_all_members(cluster: &Cluster) {
    let addr = peers(cluster);
    let complete = || {
        let listed = vtctl_json(&["snapshot", "list", "--addr", &addr]);
        let snapshots = listed["snapshots"].as_array().expect("snapshots").iter();
        snapshots.map(|one| one["complete"] == true).collect::<Vec<_>>()
    };
    assert_eq!(complete(), [true]);
    let again = vtctl(&["snapshot", "create", "monday", "--addr", &addr], &[]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(
        again.stderr.contains("not made on 3 of 3") && again.stdout.contains("already"),
        "{again:?}"
    );
    cluster.storage[0].post("/internal/snapshot/delete?name=monday", "text/plain", b"");
    assert_eq!(complete(), [false]);
    let rest = vtctl(&["snapshot", "delete", "monday", "--yes", "--addr", &addr], &[]);
    assert!(rest.stderr.contains("not deleted on 1 of 3"), "{rest:?}");
    assert!(complete().is_empty());
}

#[test]
fn a_cluster_that_lost_all_disks_is_restored_from_its_nodes_snapshots() {
    let mut cluster = Layout::default().start();
    let load = Load::new(load::now(), 3, &[0, 1]);
    load.run(0, &cluster.insert[0].url(""), 60);
    cluster.wait_for_equal_digests();
    let before = digests(&cluster);
    let old = cluster.status("/cluster/status")["cluster"].clone();
    let backup = tempfile::tempdir().expect("a directory");
    let addr = peers(&cluster);
    let made = vtctl_json(&["snapshot", "create", "monday", "--addr", &addr]);
    let made = made["members"].as_array().expect("members");
    let is_made = |one: &Value| one["done"] == true && one["version"] == made[0]["version"];
    assert!(made.len() == 3 && made.iter().all(is_made), "{made:?}");
    for (n, node) in cluster.storage.iter().enumerate() {
        copy(
            &node.data_dir().join("snapshots/monday"),
            &backup.path().join(n.to_string()),
        );
    }
    check_snapshots_of_all_members(&cluster);
    // What comes later is lost with the disks.
    Load::new(load::now(), 4, &[0]).run(0, &cluster.insert[0].url(""), 20);
    for node in &mut cluster.storage {
        node.kill();
        fs::remove_dir_all(node.data_dir()).expect("an empty disk");
    }
    std::thread::scope(|scope| {
        for (n, node) in cluster.storage.iter_mut().enumerate() {
            let from = backup.path().join(n.to_string());
            scope.spawn(move || node.start_again_with_flag(format!("--storage.restoreFrom={}", from.display())));
        }
    });
    cluster.wait_in_sync();
    assert_ne!(
        cluster.status("/cluster/status")["cluster"],
        old,
        "it is another cluster"
    );
    assert_eq!(digests(&cluster), before);
    cluster.select = vec![cluster.another_select(&[format!("--search.maxTraces={}", load::MAX_TRACES)])];
    load.check(&cluster.select[0]);

    // It takes writes, and new members.
    let insert = Options::of(Program::Insert)
        .flag(format!("--storageNode={}", peers(&cluster)))
        .start();
    let more = Load::new(load::now(), 5, &[0]);
    more.run(0, &insert.url(""), 20);
    more.check(&cluster.select[0]);
    let joining = Options::of(Program::Storage)
        .flag(format!("--cluster.peers={}", peers(&cluster)))
        .flag("--replicationFactor=2")
        .start();
    cluster.storage.push(joining);
    cluster.wait_in_sync();
}
