//! The process as the kernel accounts it (Linux's `/proc/self`), under the names that Prometheus clients use. What the
//! kernel does not tell is left out.

use std::fmt::Write;
use std::fs;

/// Ticks per second in `/proc/self/stat`: Linux shows all processes 100, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// One reading.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ProcessSnapshot {
    cpu_user_seconds: Option<f64>,
    cpu_system_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    resident_peak_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    threads: Option<u64>,
    open_files: Option<u64>,
    max_files: Option<u64>,
    storage_read_bytes: Option<u64>,
    storage_written_bytes: Option<u64>,
}

impl ProcessSnapshot {
    pub(super) fn take() -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        Self::parse(&read("stat"), &read("status"), &read("limits"), &read("io"), open_files)
    }

    fn parse(stat: &str, status: &str, limits: &str, io: &str, open_files: Option<u64>) -> Self {
        let (user, system) = cpu_ticks(stat).unzip();
        let kib = |key| field(status, key).map(|kib: u64| kib.saturating_mul(1024));
        Self {
            cpu_user_seconds: user.map(|ticks| ticks as f64 / TICKS_PER_SECOND),
            cpu_system_seconds: system.map(|ticks| ticks as f64 / TICKS_PER_SECOND),
            resident_bytes: kib("VmRSS:"),
            resident_peak_bytes: kib("VmHWM:"),
            virtual_bytes: kib("VmSize:"),
            threads: field(status, "Threads:"),
            open_files,
            max_files: field(limits, "Max open files"),
            storage_read_bytes: field(io, "read_bytes:"),
            storage_written_bytes: field(io, "write_bytes:"),
        }
    }

    /// In Prometheus' text format.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        let cpu = self
            .cpu_user_seconds
            .zip(self.cpu_system_seconds)
            .map(|(user, system)| user + system);
        for (name, seconds) in [
            ("process_cpu_seconds_total", cpu),
            ("process_cpu_seconds_user_total", self.cpu_user_seconds),
            ("process_cpu_seconds_system_total", self.cpu_system_seconds),
        ] {
            write_metric(
                &mut text,
                name,
                "counter",
                seconds.map(|seconds| format!("{seconds:.2}")),
            );
        }
        for (name, kind, value) in [
            ("process_resident_memory_bytes", "gauge", self.resident_bytes),
            ("process_resident_memory_peak_bytes", "gauge", self.resident_peak_bytes),
            ("process_virtual_memory_bytes", "gauge", self.virtual_bytes),
            ("process_num_threads", "gauge", self.threads),
            ("process_open_fds", "gauge", self.open_files),
            ("process_max_fds", "gauge", self.max_files),
            (
                "process_io_storage_read_bytes_total",
                "counter",
                self.storage_read_bytes,
            ),
            (
                "process_io_storage_written_bytes_total",
                "counter",
                self.storage_written_bytes,
            ),
        ] {
            write_metric(&mut text, name, kind, value.map(|value| value.to_string()));
        }
        text
    }
}

fn write_metric(text: &mut String, name: &str, kind: &str, value: Option<String>) {
    if let Some(value) = value {
        // Writing to a String cannot fail.
        let _ = write!(text, "# TYPE {name} {kind}\n{name} {value}\n");
    }
}

/// User and system time: fields 14 and 15 of `stat`, counted behind the command's name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The first number behind `key` at the start of a line.
fn field(text: &str, key: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(key))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 100 0 0\n";
        let status = "Name:\tx\nVmSize:\t  2000 kB\nVmHWM:\t 20 kB\nVmRSS:\t 10 kB\nThreads:\t9\n";
        let limits = "Limit  Soft Limit  Hard Limit Units\nMax open files            1024     4096      files\n";
        let io = "rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n";
        let text = ProcessSnapshot::parse(stat, status, limits, io, Some(7)).render();
        for line in [
            "process_cpu_seconds_total 3.00",
            "process_cpu_seconds_user_total 2.50",
            "process_resident_memory_bytes 10240",
            "process_resident_memory_peak_bytes 20480",
            "process_virtual_memory_bytes 2048000",
            "process_num_threads 9",
            "process_open_fds 7",
            "process_max_fds 1024",
            "process_io_storage_read_bytes_total 4096",
            "process_io_storage_written_bytes_total 8192",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_left_out() {
        assert_eq!(
            ProcessSnapshot::parse("", "", "Max open files unlimited", "", None).render(),
            ""
        );
    }
}
