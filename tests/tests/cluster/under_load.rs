//! Load on a cluster while something happens to it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tests::cluster::Cluster;
use tests::load::{self, Load};
use tests::process::Client;

const LANES: u8 = 3;
/// After an export and after a count: the load is steady, and leaves the CPU to what is tested.
const PAUSE: Duration = Duration::from_millis(20);

/// The clusters that run.
static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Held by a test while its cluster runs.
#[must_use]
pub struct Turn(());

/// Waits for the turn of a test: clusters that shared too few cores would time each other out.
pub fn turn() -> Turn {
    let most = thread::available_parallelism().map_or(1, usize::from);
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let free = ENDED.wait_while(running, |running| *running >= most);
    *free.unwrap_or_else(PoisonError::into_inner) += 1;
    Turn(())
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// A load of today's spans.
pub fn load(tag: u16) -> Load {
    let seed = std::env::var("VT_CLUSTER_SEED").map_or_else(|_| load::now(), |text| text.parse().expect("a number"));
    println!("VT_CLUSTER_SEED={seed}");
    Load::new(seed, tag, &[0])
}

/// Runs `act` while exporters send to the insert nodes and a reader counts all the time; one that gets no answer at all
/// goes on with the next node. Requests are acknowledged before `act` begins, and after it has ended.
pub fn run(cluster: &mut Cluster, load: &Load, act: impl FnOnce(&mut Cluster)) {
    let urls = cluster.insert_urls();
    let selects: Vec<Client> = cluster.select.iter().map(|node| (**node).clone()).collect();
    thread::scope(|scope| {
        for lane in 0..LANES {
            let urls = &urls;
            scope.spawn(move || load.run_on(lane, urls, PAUSE));
        }
        scope.spawn(|| {
            while load.proceeds() {
                let answered = selects.iter().any(|select| load.check_count(select));
                assert!(answered, "no select node answers");
                thread::sleep(PAUSE);
            }
        });
        let _stop = load.stop_on_drop();
        load.wait_for_acknowledged(50);
        act(cluster);
        load.wait_for_acknowledged(load.acknowledged() + 50);
    });
}
