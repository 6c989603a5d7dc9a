//! Every command and option, once: parser, `--help` and man page come from here.

use clap::{Args as Options, Parser, Subcommand, ValueEnum};
use pve_foresight::api::{self, Choice};
use pve_foresight::collect::PMXCFS;
use pve_foresight::model::{MOMENTS, UnixTime, Vmid};
use pve_foresight::simulate::{Placement, PveVersion};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Where the metrics of a node are.
pub(crate) const STATE: &str = "/var/lib/pve-foresight";
/// Behind the options of a command come those that all have.
const COMMON: usize = 1000;

/// Where the settings come from for commands that know no inventory.
const NO_INVENTORY: &str =
    "Settings file [default: with the metrics of this node foresight.cfg of /etc/pve]";

/// What a number may be, as clap takes it.
fn range<T: Copy + TryInto<i64>>(choice: &Choice<T>) -> RangeInclusive<i64> {
    let wide = |end: &T| (*end).try_into().unwrap_or(i64::MAX);
    wide(choice.range.start())..=wide(choice.range.end())
}

/// Trend-based migration advice for Proxmox VE clusters.
///
/// Keeps 90 days of node and guest metrics, understands how they develop, and recommends the few
/// migrations that are worth it. It advises; it never moves a guest.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true, after_help = after())]
pub(crate) struct Args {
    /// Directory that holds the metrics
    #[arg(long, global = true, value_name = "DIR", default_value = STATE, display_order = COMMON)]
    pub(crate) state: PathBuf,
    /// Print JSON instead of text; export, report and simulate have formats of their own
    #[arg(long, global = true, display_order = COMMON + 1)]
    pub(crate) json: bool,
    /// Moment to answer for, in unix seconds [default: the clock; for analyses of data that ended
    /// more than an hour ago, its newest sample]
    #[arg(long, global = true, value_name = "UNIX", display_order = COMMON + 2,
          value_parser = clap::value_parser!(i64).range(MOMENTS))]
    pub(crate) now: Option<UnixTime>,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the exit status says.
pub(crate) const EXIT: &str = "0 done; 1 failed; 2 wrong usage; 3 done, but some input was refused or a check found something.";

fn after() -> String {
    format!("Exit status: {EXIT}\nTry it without a cluster: pve-foresight demo")
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Read the cluster's live state once and store it
    Collect(Collect),
    /// Store ticks from standard input
    Append(Append),
    /// Roll old samples into hourly and six-hourly values and drop what is past retention
    Compress,
    /// Show what is stored of a node or guest
    History(History),
    /// Show how complete the stored data is
    Quality(Quality),
    /// Analyse how nodes and guests develop
    Trend(Trend),
    /// Recommend the migrations that are worth it, with evidence
    Recommend(Recommend),
    /// Show what became of migrations, and how good the advice was
    Outcomes(Outcomes),
    /// Show every node as the target of a guest: its score, or what stands in the way
    Explain(Explain),
    /// Plan how to empty a node, for maintenance; nothing is executed
    Drain(Drain),
    /// Write nodes, trends, advice and data quality as one HTML file for offline reading
    Report(Report),
    /// Replay recorded demand under our advice and other policies, and compare the overload
    Backtest(Backtest),
    /// Import history that others recorded: PVE's RRD files, ProxBalance
    Import(Import),
    /// Write what is stored to standard output, for other programs
    Export(Export),
    /// Read every byte of the store and tell what is damaged
    Verify,
    /// Show how large the store is
    Stats,
    /// Show how the collector and its data are
    Status,
    /// Show, check or migrate settings
    Settings(Settings),
    /// Check the installation and say what to do
    Doctor(Doctor),
    /// Write the ticks of a simulated cluster
    Simulate(Simulate),
    /// Simulate a small cluster with a node heading for trouble and advise on it
    Demo(Demo),
}

#[derive(Options, Debug)]
pub(crate) struct Collect {
    /// Root of the pmxcfs tree, or of a copy of it
    #[arg(long, value_name = "DIR", default_value = PMXCFS)]
    pub(crate) root: PathBuf,
    /// Where the counters of the previous run are kept between runs (best on a tmpfs)
    #[arg(long, value_name = "DIR", default_value = "/run/pve-foresight")]
    pub(crate) run_dir: PathBuf,
    /// On stderr, say only what the previous run has not said, and what that lasted is over
    #[arg(long)]
    pub(crate) news: bool,
}

#[derive(Options, Debug)]
pub(crate) struct Append {
    /// Read one JSON tick per line (the format is in the README)
    #[arg(long, required = true)]
    pub(crate) jsonl: bool,
}

#[derive(Options, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Entity {
    /// A node by name
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    /// A guest by number
    #[arg(long, value_name = "VMID")]
    pub(crate) guest: Option<Vmid>,
}

#[derive(Options, Debug)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) entity: Entity,
    /// How far back to look
    #[arg(long, default_value_t = api::hours().usual,
          value_parser = clap::value_parser!(u32).range(range(&api::hours())))]
    pub(crate) hours: u32,
    /// Metric to plot [default: cpu]
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Most values per metric: neighbours are merged, peaks and gaps stay [default: all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(range(&api::POINTS)))]
    pub(crate) points: Option<u16>,
}

#[derive(Options, Debug)]
pub(crate) struct Quality {
    /// A node by name
    #[arg(long, value_name = "NODE", conflicts_with = "guest")]
    pub(crate) node: Option<String>,
    /// A guest by number
    #[arg(long, value_name = "VMID")]
    pub(crate) guest: Option<Vmid>,
}

#[derive(Options, Debug)]
#[command(mut_arg("file", |file| file.help(NO_INVENTORY)))]
pub(crate) struct Trend {
    /// Only this node
    #[arg(long, value_name = "NODE", conflicts_with_all = ["guest", "series"])]
    pub(crate) node: Option<String>,
    /// Only this guest
    #[arg(long, value_name = "VMID", conflicts_with = "series")]
    pub(crate) guest: Option<Vmid>,
    /// Compare the stability of the node with that of another
    #[arg(long, value_name = "NODE", requires = "node", conflicts_with = "guest")]
    pub(crate) compare: Option<String>,
    /// Window of the trend, as far as the store reaches
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(range(&api::hours())))]
    pub(crate) lookback: Option<u32>,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
    /// Analyse raw series from a file instead, one JSON object per line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lookback", "file", "set"])]
    pub(crate) series: Option<PathBuf>,
}

#[derive(Options, Debug)]
pub(crate) struct Recommend {
    /// Constraints from a pmxcfs tree, or from a JSON file [default: on a node /etc/pve, with --state
    /// the newest tick alone]
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
    /// Show also what was considered and skipped, with the reasons
    #[arg(long)]
    pub(crate) all: bool,
    /// Show the score of source and target by term, and what the confidence consists of
    #[arg(long, short = 'v', visible_alias = "explain")]
    pub(crate) verbose: bool,
    /// Tell what changed since an earlier answer, kept from `recommend --json`
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Option<PathBuf>,
}

#[derive(Options, Debug)]
pub(crate) struct Explain {
    /// A guest by number
    #[arg(long, value_name = "VMID")]
    pub(crate) guest: Vmid,
    /// Only this target
    #[arg(long, value_name = "NODE")]
    pub(crate) target: Option<String>,
    /// Constraints from a pmxcfs tree, or from a JSON file [default: on a node /etc/pve, with --state
    /// the newest tick alone]
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
}

#[derive(Options, Debug)]
pub(crate) struct Drain {
    /// Node to empty
    #[arg(long, value_name = "NODE")]
    pub(crate) node: String,
    /// Constraints from a pmxcfs tree, or from a JSON file [default: on a node /etc/pve, with --state
    /// the newest tick alone]
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
}

#[derive(Options, Debug)]
#[command(mut_arg("file", |file| file.help(NO_INVENTORY)))]
pub(crate) struct Outcomes {
    /// Only this guest, with its timeline
    #[arg(long, value_name = "VMID")]
    pub(crate) guest: Option<Vmid>,
    /// Compare stated confidence with what came
    #[arg(long)]
    pub(crate) calibration: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
}

#[derive(Options, Debug)]
pub(crate) struct Report {
    /// File to write; - is standard output [default: -]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Constraints from a pmxcfs tree, or from a JSON file [default: on a node /etc/pve, with --state
    /// the newest tick alone]
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
}

#[derive(Options, Debug)]
pub(crate) struct Import {
    /// Whose history
    #[command(subcommand)]
    pub(crate) from: ImportFrom,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ImportFrom {
    /// PVE's own history, so that there are trends on the first day
    ///
    /// Takes the averages of the RRD files of PVE 8 and 9 as ticks at past times: every minute of
    /// the last day (PVE 8: hour), then every half hour and coarser, as far back as the store keeps
    /// anything (90 days unless set). Only where it has nothing: own samples are never replaced,
    /// and a second run adds nothing. Minimum, maximum and 95th percentile of that time are
    /// estimates, for those of averages. An RRD file does not tell on which node a guest was: each
    /// counts for the node it is on today.
    Rrd(ImportRrd),
    /// The history of ProxBalance: its proxbalance.db, or the JSON files of before
    ///
    /// Takes nodes and guests that still exist. ProxBalance stores percentages, so bytes of memory
    /// are made with today's memory sizes, and 0 for what was missing, which cannot be told from
    /// a real 0. Beside node_metrics_history.json, guest_metrics_history.json is read as well.
    Proxbalance(ImportProxbalance),
}

#[derive(Options, Debug)]
pub(crate) struct ImportRrd {
    /// Folder with pve-node-9.0, pve2-node and so on, or a copy of it [default:
    /// /var/lib/rrdcached/db; with --state it has to be named]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Nodes, guests and where they are, from a pmxcfs tree or a JSON file [default: on a node
    /// /etc/pve, with --state the newest tick]
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) inventory: Option<PathBuf>,
}

#[derive(Options, Debug)]
pub(crate) struct ImportProxbalance {
    /// Database or JSON file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Nodes, guests and their memory, from a pmxcfs tree or a JSON file [default: on a node
    /// /etc/pve, with --state the newest tick]
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) inventory: Option<PathBuf>,
}

#[derive(Options, Debug)]
pub(crate) struct Export {
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Only this node
    #[arg(long, value_name = "NODE", conflicts_with = "guest")]
    pub(crate) node: Option<String>,
    /// Only this guest
    #[arg(long, value_name = "VMID")]
    pub(crate) guest: Option<Vmid>,
    /// How far back to look
    #[arg(long, default_value_t = api::hours().usual,
          value_parser = clap::value_parser!(u32).range(range(&api::hours())))]
    pub(crate) hours: u32,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A row for each entity, metric and stretch of time: unit, samples, min, avg, p95, max
    Csv,
    /// The samples that are still kept, as ticks that `append --jsonl` takes
    Jsonl,
    /// The newest values for Prometheus and its kin
    Openmetrics,
}

#[derive(Options, Debug)]
pub(crate) struct SettingsSource {
    /// Settings file [default: foresight.cfg of the inventory's tree, on a node that of /etc/pve]
    #[arg(long = "settings", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Set one setting for this run, e.g. trend-weight=80 (may be repeated)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Options, Debug)]
#[command(mut_arg("file", |file| file.help(NO_INVENTORY)))]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) source: SettingsSource,
    /// Convert a ProxBalance config.json and print it as our settings file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "set"])]
    pub(crate) migrate: Option<PathBuf>,
}

#[derive(Options, Debug)]
pub(crate) struct Doctor {
    /// Look at the system whose file tree is below DIR; its daemons are not asked then
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) prefix: PathBuf,
}

#[derive(Options, Debug)]
pub(crate) struct Backtest {
    /// Days judged, as far as the store reaches [default: 30; with --traces all that are recorded]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(range(&api::days())))]
    pub(crate) days: Option<u16>,
    /// Hours between decisions
    #[arg(long, value_name = "HOURS", default_value_t = api::EVERY_COMPARED.usual as u16,
          value_parser = clap::value_parser!(u16).range(range(&api::EVERY_COMPARED)))]
    pub(crate) every: u16,
    /// Who decides: none, snapshot, pve-crs, relief, ours, or all
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "all")]
    pub(crate) policy: Vec<String>,
    /// Replay our advice with each of these sensitivities, all judged by the same thresholds
    #[arg(long, value_delimiter = ',', value_name = "NAME", conflicts_with = "traces")]
    pub(crate) sensitivity: Vec<String>,
    /// Constraints from a pmxcfs tree, or from a JSON file [default: on a node /etc/pve, with --state
    /// the newest tick alone]
    #[arg(long, value_name = "DIR|FILE", conflicts_with = "traces")]
    pub(crate) inventory: Option<PathBuf>,
    /// Instead of the store: recorded traces (CSV, may be gzipped) placed on a simulated cluster
    #[arg(long, value_name = "FILE")]
    pub(crate) traces: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsSource,
    #[command(flatten)]
    pub(crate) cluster: TracesCluster,
}

/// What traces are placed on.
#[derive(Options, Debug)]
#[command(next_help_heading = "With --traces")]
pub(crate) struct TracesCluster {
    /// Days before the first decision [default: 14]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365), requires = "traces")]
    pub(crate) warm_up: Option<u16>,
    /// Number of nodes; several make a campaign
    #[arg(
        long,
        value_name = "NUMBER",
        value_delimiter = ',',
        default_value = "6",
        requires = "traces"
    )]
    pub(crate) nodes: Vec<u32>,
    /// Cores of a node [default: half of the guests' cores, shared out]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024), requires = "traces")]
    pub(crate) cores: Option<u32>,
    /// Memory of a node in GiB [default: six per core]
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..=65536), requires = "traces")]
    pub(crate) memory: Option<u32>,
    /// Number of guests; further ones repeat recorded ones, shifted by days
    #[arg(long, value_name = "NUMBER", requires = "traces")]
    pub(crate) guests: Option<u32>,
    /// Where guests start: skewed, skewed=FACTOR, random, round-robin or balanced
    #[arg(long, value_name = "WHERE", default_value = "skewed", requires = "traces")]
    pub(crate) placement: String,
    /// Share of the guests that grow, from half of the warm-up on
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, requires = "traces")]
    pub(crate) growing: f64,
    /// Seed of the placement; several make a campaign
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "traces",
        value_delimiter = ',',
        default_value = "1"
    )]
    pub(crate) seed: Vec<u64>,
}

#[derive(Options, Debug)]
pub(crate) struct Simulate {
    /// Scenario as JSON; options below override it
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Number of nodes
    #[arg(long, value_name = "NUMBER")]
    pub(crate) nodes: Option<u32>,
    /// Number of guests
    #[arg(long, value_name = "NUMBER")]
    pub(crate) guests: Option<u32>,
    /// Where guests start: balanced, round-robin, random, skewed=F (each node F times as likely as
    /// the next)
    #[arg(long, value_name = "WHERE")]
    pub(crate) placement: Option<Placement>,
    /// Length in days
    #[arg(long, value_name = "DAYS")]
    pub(crate) days: Option<f64>,
    /// Seconds between ticks
    #[arg(long, value_name = "SECONDS")]
    pub(crate) interval: Option<u32>,
    /// Seed of the randomness: the same seed gives the same ticks
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Workloads from recorded traces (CSV, may be gzipped)
    #[arg(long, value_name = "FILE")]
    pub(crate) traces: Option<PathBuf>,
    /// Write pmxcfs trees instead of JSON lines to stdout: one per tick, DIR/UNIX, for `collect --root`
    #[arg(long, value_name = "DIR")]
    pub(crate) trees: Option<PathBuf>,
    /// Which Proxmox VE the trees are of
    #[arg(long, value_name = "8|9", default_value = "9", requires = "trees")]
    pub(crate) pve: PveVersion,
    /// Print the scenario with all its options as JSON and stop
    #[arg(long)]
    pub(crate) print_scenario: bool,
}

#[derive(Options, Debug)]
pub(crate) struct Demo {
    /// Workloads from recorded traces (CSV, may be gzipped) instead of synthetic ones
    #[arg(long, value_name = "FILE")]
    pub(crate) traces: Option<PathBuf>,
    /// Seed of the randomness
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Keep the demo's metrics in --state, which must be new, instead of a temporary directory
    #[arg(long)]
    pub(crate) keep: bool,
}
