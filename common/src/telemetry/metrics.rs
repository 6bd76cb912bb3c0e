//! The process's metrics: what the crates count through `metrics`, and what the kernel says of the process.

use super::process::ProcessSnapshot;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bounds of histograms whose name ends in `_seconds`.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];
/// Bounds of histograms whose name ends in `_bytes`.
const BYTES: &[f64] = &[
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Bounds of all other histograms, which count things.
const COUNTS: &[f64] = &[
    1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0,
];

/// How often samples of histograms are put into their buckets when nobody asks for them.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Metrics cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up metrics: {0}")]
pub struct MetricsError(#[from] BuildError);

/// The recorder's reading end. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    app: &'static str,
    version: &'static str,
    started: SystemTime,
}

impl Metrics {
    /// Makes the recorder that `metrics`' macros record to in this process. `app` and `version` are the binary's.
    ///
    /// # Errors
    /// When one was installed before.
    pub fn install(app: &'static str, version: &'static str) -> Result<Self, MetricsError> {
        let handle = builder()?.install_recorder()?;
        Ok(Self {
            handle,
            app,
            version,
            started: SystemTime::now(),
        })
    }

    /// Metrics that nothing records to: for a router in a test.
    pub fn detached(app: &'static str, version: &'static str) -> Result<Self, MetricsError> {
        let handle = builder()?.build_recorder().handle();
        Ok(Self {
            handle,
            app,
            version,
            started: SystemTime::now(),
        })
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        text.push_str(&ProcessSnapshot::take().render());
        self.render_app(&mut text);
        text
    }

    /// Keeps histograms' memory bounded between scrapes; to be spawned beside the server, ends never.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }

    fn render_app(&self, text: &mut String) {
        let started = self
            .started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let uptime = self.started.elapsed().unwrap_or_default().as_secs_f64();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "# TYPE vt_app_version gauge\nvt_app_version{{app=\"{}\",version=\"{}\"}} 1\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started:.3}\n\
             # TYPE vt_app_uptime_seconds gauge\nvt_app_uptime_seconds {uptime:.3}\n",
            self.app, self.version
        );
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets(COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_the_bounds_of_their_unit() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        ::metrics::with_local_recorder(&recorder, || {
            ::metrics::histogram!("vt_test_duration_seconds").record(0.003);
            ::metrics::histogram!("vt_test_size_bytes").record(300.0);
            ::metrics::histogram!("vt_test_rows").record(7.0);
            ::metrics::counter!("vt_test_total", "type" => "a").increment(2);
        });
        let metrics = Metrics {
            handle,
            app: "test",
            version: "1.2.3",
            started: SystemTime::now(),
        };
        let text = metrics.render();
        for line in [
            "vt_test_duration_seconds_bucket{le=\"0.0025\"} 0",
            "vt_test_duration_seconds_bucket{le=\"0.005\"} 1",
            "vt_test_size_bytes_bucket{le=\"1024\"} 1",
            "vt_test_rows_bucket{le=\"10\"} 1",
            "vt_test_total{type=\"a\"} 2",
            "vt_app_version{app=\"test\",version=\"1.2.3\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in:\n{text}");
        }
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }
}
