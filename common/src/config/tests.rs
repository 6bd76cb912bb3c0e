use super::*;
use clap::{Args, Command};
use std::ffi::OsString;
use std::path::PathBuf;

/// A part's documentation, which is not the program's.
#[derive(Args, Debug)]
#[command(next_help_heading = "Storage")]
struct SampleConfig {
    /// Where the data lies.
    #[arg(long = "storageDataPath", default_value = "data", value_name = "PATH")]
    data_path: PathBuf,
    /// How long spans are kept.
    #[arg(long = "retentionPeriod", default_value = "7d", value_parser = Period::parse_months, value_name = "PERIOD")]
    retention_period: Period,
    /// When the log is synced.
    #[arg(long = "storage.walSync", default_value = "interval", value_parser = ["interval", "always", "off"])]
    wal_sync: String,
    /// Refuse everything | always.
    #[arg(long = "insert.disable")]
    insert_disable: bool,
    #[arg(long = "storageNode")]
    nodes: Vec<String>,
    /// Shared by all nodes.
    #[arg(long = "httpAuth.password")]
    password: Option<String>,
    /// Traces per search.
    #[arg(long = "search.maxTraces", default_value_t = 1000)]
    max_traces: u32,
}

fn try_load(args: &[&str], env: &[(&str, &str)]) -> Result<Loaded<SampleConfig>, ConfigError> {
    let args = std::iter::once("sample")
        .chain(args.iter().copied())
        .map(OsString::from);
    let env = env
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    load(Command::new("sample").version("1.2.3").about("Shows flags"), args, env)
}

fn run(args: &[&str], env: &[(&str, &str)]) -> (SampleConfig, EffectiveFlags) {
    match try_load(args, env) {
        Ok(Loaded::Run(config, flags)) => (config, flags),
        other => panic!("expected values, got {other:?}"),
    }
}

fn refuse(args: &[&str], env: &[(&str, &str)]) -> String {
    match try_load(args, env) {
        Err(error) => error.to_string(),
        other => panic!("expected an error, got {other:?}"),
    }
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vt.toml");
    std::fs::write(&path, text).unwrap();
    let flag = format!("--config={}", path.display());
    (dir, flag)
}

#[test]
fn defaults_hold_when_nothing_is_set() {
    let (config, flags) = run(&[], &[("PATH", "/bin"), ("vtx", "1")]);
    assert_eq!(config.data_path, PathBuf::from("data"));
    assert_eq!(config.retention_period, Period::from_days(7));
    assert!(!config.insert_disable && config.nodes.is_empty() && config.password.is_none());
    let flag = flags.get("search.maxTraces").unwrap();
    assert_eq!((flag.value.as_str(), &flag.source), ("1000", &Source::Default));
    assert_eq!(flags.get("envflag.prefix").unwrap().value, "VT_");
}

#[test]
fn flags_take_one_or_two_dashes_and_either_form_of_value() {
    for args in [
        ["-storageDataPath=/x", "-insert.disable"].as_slice(),
        &["--storageDataPath=/x", "--insert.disable=true"],
        &["-storageDataPath", "/x", "--insert.disable"],
        &["--insert.disable", "--storageDataPath", "/x"],
    ] {
        let (config, _) = run(args, &[]);
        assert_eq!(config.data_path, PathBuf::from("/x"), "{args:?}");
        assert!(config.insert_disable, "{args:?}");
    }
    assert!(!run(&["-insert.disable=false"], &[]).0.insert_disable);
    assert_eq!(run(&["-httpAuth.password=a=b"], &[]).0.password.as_deref(), Some("a=b"));
    assert_eq!(
        run(&["-httpAuth.password", "-x"], &[]).0.password.as_deref(),
        Some("-x")
    );
}

#[test]
fn the_last_repetition_counts_and_lists_collect_all() {
    let (config, flags) = run(
        &[
            "-search.maxTraces=1",
            "-storageNode=a,b",
            "-search.maxTraces=2",
            "-storageNode=c",
        ],
        &[],
    );
    assert_eq!(config.max_traces, 2);
    assert_eq!(config.nodes, ["a", "b", "c"]);
    assert_eq!(flags.get("storageNode").unwrap().value, "a,b,c");
}

#[test]
fn each_layer_overrides_the_one_below() {
    let (_dir, config_flag) = file(
        "retentionPeriod = \"3d\"\n\"storage.walSync\" = \"off\"\nstorageNode = [\"f\", \"g\"]\n[search]\nmaxTraces = 5\n[insert]\ndisable = true\n",
    );
    let env = [
        ("VT_retentionPeriod", "4d"),
        ("VT_SEARCH_MAXTRACES", "6"),
        ("VT_storageNode", "h,i"),
    ];
    let (config, flags) = run(&[&config_flag, "-search.maxTraces=7"], &env);
    assert_eq!(config.wal_sync, "off");
    assert!(config.insert_disable);
    assert_eq!(config.retention_period, Period::from_days(4));
    assert_eq!(config.nodes, ["h", "i"]);
    assert_eq!(config.max_traces, 7);
    let source = |name| flags.get(name).unwrap().source.clone();
    assert!(matches!(source("storage.walSync"), Source::File(_)));
    assert_eq!(source("storageNode"), Source::Environment("VT_storageNode".to_owned()));
    assert_eq!(source("search.maxTraces"), Source::CommandLine);
    assert_eq!(source("storageDataPath"), Source::Default);
}

#[test]
fn the_file_can_be_named_by_a_variable() {
    let (dir, _) = file("search.maxTraces = 5");
    let path = dir.path().join("vt.toml");
    let (config, _) = run(&[], &[("VT_CONFIG", path.to_str().unwrap())]);
    assert_eq!(config.max_traces, 5);
}

#[test]
fn unknown_names_suggest_the_nearest() {
    assert_eq!(
        refuse(&["-storageDataPaht=/x"], &[]),
        "unknown flag --storageDataPaht; did you mean --storageDataPath?"
    );
    assert_eq!(refuse(&["--qqq"], &[]), "unknown flag --qqq");
    assert_eq!(
        refuse(&[], &[("VT_STORAGE_WALSINK", "off")]),
        "unknown environment variable VT_STORAGE_WALSINK; did you mean VT_storage_walSync?"
    );
    let (_dir, config_flag) = file("[search]\nmaxTrace = 5\n");
    let message = refuse(&[&config_flag], &[]);
    assert!(message.starts_with("unknown key \"search.maxTrace\" in "), "{message}");
    assert!(message.ends_with("; did you mean search.maxTraces?"), "{message}");
}

#[test]
fn bad_values_name_the_flag_and_the_layer() {
    assert_eq!(
        refuse(&["-retentionPeriod=soon"], &[]),
        "bad value \"soon\" for --retentionPeriod, set by command line: expected a length of time such as 7d, 12h, 1h30m or 250ms, got \"soon\""
    );
    assert_eq!(
        refuse(&[], &[("VT_search_maxTraces", "-1")]),
        "bad value \"-1\" for --search.maxTraces, set by environment variable VT_search_maxTraces: -1 is not in 0..=4294967295"
    );
    assert_eq!(
        refuse(&["-storage.walSync=never"], &[]),
        "bad value \"never\" for --storage.walSync, set by command line: expected one of interval, always, off"
    );
    let message = refuse(&["-insert.disable=maybe"], &[]);
    assert!(
        message.starts_with("bad value \"maybe\" for --insert.disable, set by command line: expected one of"),
        "{message}"
    );
}

#[test]
fn what_is_no_flag_is_refused() {
    assert_eq!(
        refuse(&["data"], &[]),
        "unexpected argument \"data\": flags begin with one or two dashes"
    );
    assert!(refuse(&["--"], &[]).starts_with("unexpected argument"));
    assert_eq!(
        refuse(&["-storageDataPath"], &[]),
        "the flag --storageDataPath needs a value"
    );
}

#[test]
fn a_bad_file_is_named() {
    let (_dir, config_flag) = file("search.maxTraces = ");
    assert!(refuse(&[&config_flag], &[]).contains("vt.toml"));
    let (_dir, config_flag) = file("\"search.maxTraces\" = 1\n[search]\nmaxTraces = 2\n");
    assert!(refuse(&[&config_flag], &[]).ends_with("\"search.maxTraces\" is set twice"));
    let (_dir, config_flag) = file("retentionPeriod = [\"1d\"]");
    assert!(refuse(&[&config_flag], &[]).ends_with("\"retentionPeriod\" must be a string, a number or a boolean"));
    let (_dir, config_flag) = file("config = \"other\"");
    assert!(refuse(&[&config_flag], &[]).ends_with("\"config\" cannot be set in the file"));
    assert!(refuse(&["--config=/does/not/exist"], &[]).starts_with("configuration file /does/not/exist: "));
}

#[test]
fn variables_can_be_switched_off_or_renamed_on_the_command_line() {
    assert_eq!(
        run(&["-envflag.enable=false"], &[("VT_nonsense", "1")]).0.max_traces,
        1000
    );
    let env = [("TRACES_search_maxTraces", "3"), ("VT_search_maxTraces", "4")];
    assert_eq!(run(&["-envflag.prefix=TRACES_"], &env).0.max_traces, 3);
    assert_eq!(
        run(&["-envflag.prefix="], &[("search_maxTraces", "3"), ("HOME", "/")])
            .0
            .max_traces,
        3
    );
    assert!(refuse(&[], &[("VT_envflag_prefix", "X_")]).contains("command line only"));
}

#[test]
fn variables_of_kubernetes_services_are_no_mistakes() {
    run(
        &[],
        &[
            ("VT_SINGLE_SERVICE_HOST", "10.0.0.1"),
            ("VT_SINGLE_PORT", "tcp://10.0.0.1:10428"),
        ],
    );
}

#[test]
fn two_spellings_of_one_variable_are_refused() {
    let message = refuse(&[], &[("VT_search_maxTraces", "1"), ("VT_SEARCH_MAXTRACES", "2")]);
    assert_eq!(
        message,
        "the environment variables VT_search_maxTraces and VT_SEARCH_MAXTRACES set the same flag"
    );
}

#[test]
fn secrets_appear_in_no_message() {
    let (config, flags) = run(&["-httpAuth.password=hunter2"], &[]);
    assert_eq!(config.password.as_deref(), Some("hunter2"));
    assert_eq!(flags.get("httpAuth.password").unwrap().value, "secret");
}

#[test]
fn help_lists_flags_with_defaults_and_variables() {
    for flag in ["-help", "--help", "-h"] {
        let Ok(Loaded::Print(help)) = try_load(&[flag], &[]) else {
            panic!("expected help")
        };
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.starts_with("Shows flags Usage: "), "{help}");
        for part in [
            "--retentionPeriod <PERIOD> How long spans are kept [env: VT_retentionPeriod] [default: 7d]",
            "--search.maxTraces <VALUE> Traces per search [env: VT_search_maxTraces] [default: 1000]",
            "--insert.disable",
            "VT_insert_disable",
            "Each can also be set by an environment variable, VT_",
        ] {
            assert!(words.contains(part), "{part:?} is missing in:\n{help}");
        }
    }
    let Ok(Loaded::Print(version)) = try_load(&["--version"], &[]) else {
        panic!("expected the version")
    };
    assert_eq!(version.trim(), "sample 1.2.3");
}

#[test]
fn the_documentation_has_a_row_per_flag() {
    let text = flags_markdown::<SampleConfig>(Command::new("sample"));
    assert!(text.contains("**Configuration**"), "{text}");
    assert!(
        text.contains("| `--retentionPeriod` | `7d` | How long spans are kept |\n"),
        "{text}"
    );
    assert!(
        text.contains("| `--insert.disable` | `false` | Refuse everything \\| always |\n"),
        "{text}"
    );
    assert!(text.contains(". One of `interval`, `always`, `off` |"), "{text}");
}
