//! A view of the cluster through the nodes that tell its state.

use super::*;

fn state(cluster: u128, version: u64, members: &[(u64, &Served)]) -> Arc<ClusterState> {
    let member = |(id, served): &(u64, &Served)| Member {
        id: NodeId(*id),
        addr: served.addr.to_string(),
        zone: String::new(),
        incarnation: Incarnation(1),
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    };
    Arc::new(ClusterState {
        cluster: ClusterId(cluster),
        version,
        epoch: Epoch(1),
        settings: Settings {
            replication_factor: 2,
            slots: 16,
            retention_seconds: 1,
        },
        members: members.iter().map(member).map(|member| (member.id, member)).collect(),
        placement: Placement::default(),
        oldest_day: 0,
        sealed: Default::default(),
        placed_at: 0,
        transfers: Default::default(),
    })
}

async fn version(view: &RemoteView, version: u64) -> Arc<ClusterState> {
    let mut changes = view.changes();
    let known = |state: &Option<Arc<ClusterState>>| state.as_ref().is_some_and(|state| state.version >= version);
    let state = changes.wait_for(known).await.unwrap();
    state.clone().unwrap()
}

#[tokio::test]
async fn a_view_follows_the_state_and_survives_the_nodes() {
    let (one, two) = (Fake::new(), Fake::new());
    let first = Served::start(&one, secret("s")).await;
    let second = Served::start(&two, secret("s")).await;
    let view = RemoteView::start(vec![first.addr.to_string()], secret("s"));
    assert!(view.state().is_none() && view.node(NodeId(2)).is_none());

    one.states.send_replace(Some(state(1, 1, &[(1, &first), (2, &second)])));
    assert_eq!(view.first().await.unwrap().version, 1);
    let node = view.node(NodeId(2)).unwrap();
    node.write(a_write(1)).await.unwrap();
    assert_eq!(two.writes.lock().len(), 1);
    assert!(Arc::ptr_eq(&node, &view.node(NodeId(2)).unwrap()));

    one.states.send_replace(Some(state(1, 2, &[(1, &first), (2, &second)])));
    version(&view, 2).await;

    // The watched node goes: another member tells the news.
    first.drain().await;
    two.states.send_replace(Some(state(1, 3, &[(2, &second)])));
    version(&view, 3).await;
    assert!(view.node(NodeId(1)).is_none());

    // All are gone: the last state stays.
    second.drain().await;
    assert_eq!(view.state().unwrap().version, 3);
}

#[tokio::test]
async fn a_view_takes_no_older_state_and_none_of_another_cluster() {
    let (one, two) = (Fake::new(), Fake::new());
    let first = Served::start(&one, Credentials::default()).await;
    let second = Served::start(&two, Credentials::default()).await;
    let members = [(1, &first), (2, &second)];
    one.states.send_replace(Some(state(1, 5, &members)));
    let view = RemoteView::start(vec![first.addr.to_string()], Credentials::default());
    version(&view, 5).await;
    let mut changes = view.changes();
    changes.borrow_and_update();
    two.states.send_replace(Some(state(2, 9, &members)));
    one.states.send_replace(Some(state(1, 4, &members)));
    view.refresh(5);
    one.states.send_replace(Some(state(1, 6, &members)));
    let known = version(&view, 6).await;
    assert_eq!((known.version, known.cluster), (6, ClusterId(1)));
}

/// The watched node is behind: who refuses because of it makes the view ask the others.
#[tokio::test]
async fn a_view_asks_others_when_it_is_refreshed() {
    let (one, two) = (Fake::new(), Fake::new());
    let first = Served::start(&one, Credentials::default()).await;
    let second = Served::start(&two, Credentials::default()).await;
    let members = [(1, &first), (2, &second)];
    one.states.send_replace(Some(state(1, 1, &members)));
    let view = RemoteView::start(vec![first.addr.to_string()], Credentials::default());
    version(&view, 1).await;
    two.states.send_replace(Some(state(1, 7, &members)));
    view.refresh(1);
    version(&view, 7).await;
}
