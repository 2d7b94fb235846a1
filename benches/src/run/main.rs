//! `bench`: runs everything side by side and writes the report. `scripts/bench` builds and starts it.
//! Leaves to `load`: making work; to the servers: doing it.

mod calls;
mod cell;
mod figures;
mod gateway;
mod gets;
mod goals;
mod holdline;
mod machine;
mod plan;
mod plots;
mod process;
mod report;
mod results;
mod server;
mod tables;
mod work;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use machine::Machine;
use plan::{Block, GROUPS};
use results::Results;
use server::Tools;

/// Runs everything side by side and writes the report.
#[derive(Debug, Parser)]
struct Arguments {
    /// few connections and a moment for each cell: proves that everything works.
    #[arg(long)]
    short: bool,
    /// Only these groups.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(GROUPS))]
    only: Vec<String>,
    /// How often each cell is run; the figure is the median. Default 3, of the short form 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: Option<u32>,
    /// Where report.md, results.json and the pictures go.
    #[arg(long)]
    output: PathBuf,
    /// Write docs/benchmarks.md and docs/benchmarks/ too.
    #[arg(long, conflicts_with = "short")]
    publish: bool,
    /// Measure nothing: make the report of these results again.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The repository.
    #[arg(long)]
    root: PathBuf,
    /// The program that all this is about.
    #[arg(long)]
    holdline: PathBuf,
    /// An nginx ≥ 1.27.3.
    #[arg(long)]
    nginx: PathBuf,
    /// The folder that `scripts/tool bench-peers` prints.
    #[arg(long)]
    peers: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("bench: {failed} cells failed; the report says which, and why");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many cells failed.
fn run(arguments: &Arguments) -> Result<usize> {
    let results = match &arguments.from {
        Some(file) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            serde_json::from_str(&text)
                .with_context(|| format!("{} has no results", file.display()))?
        }
        None => measure(arguments)?,
    };
    let folder = &arguments.output;
    report::write(&results, &folder.join("report.md"), folder, "")?;
    eprintln!("bench: {}", folder.join("report.md").display());
    let failed = results.failures().len();
    if arguments.publish {
        ensure!(failed == 0, "{failed} cells failed: nothing is published");
        ensure!(!results.short, "the short form measures nothing: nothing is published");
        let docs = arguments.root.join("docs");
        report::write(
            &results,
            &docs.join("benchmarks.md"),
            &docs.join("benchmarks"),
            "benchmarks/",
        )?;
        eprintln!("bench: docs/benchmarks.md");
    }
    Ok(failed)
}

fn measure(arguments: &Arguments) -> Result<Results> {
    let start = Instant::now();
    let beside = std::env::current_exe().context("where am I?")?;
    let scratch = arguments.output.join("run");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let tools = Tools {
        root: arguments.root.clone(),
        load: beside.with_file_name("load"),
        holdline: arguments.holdline.clone(),
        nginx: arguments.nginx.clone(),
        // nginx and render take no relative path.
        scratch: fs::canonicalize(scratch)?,
    };
    let machine = Machine::look(&tools, &arguments.peers);
    ensure!(machine.cores >= 2, "the load needs a core and the servers another one: here is one");
    for noise in &machine.noise {
        eprintln!("bench: WARNING: the machine is not quiet: {noise}");
    }
    let mut results = Results {
        machine,
        short: arguments.short,
        rounds: arguments.rounds.unwrap_or(if arguments.short { 1 } else { 3 }),
        holdline_configuration: holdline::configuration("127.0.0.1:…", "127.0.0.1:…", 1, 0.0),
        ..Results::default()
    };
    let mut blocks = plan::blocks(arguments.short);
    if !arguments.only.is_empty() {
        blocks.retain(|block| arguments.only.iter().any(|only| only == block.group));
    }
    let cells = count(&blocks, results.rounds);
    let mut begun = 0;
    let rounds = results.rounds;
    cell::run(&blocks, rounds, &tools, &mut results, |line| {
        if line.starts_with("FAILED") {
            eprintln!("bench:   {line}");
        } else {
            begun += 1;
            eprintln!("bench: {begun}/{cells} {line}");
        }
    });
    results.seconds = start.elapsed().as_secs_f64();
    Ok(results)
}

/// How often a cell is run in all.
fn count(blocks: &[Block], rounds: u32) -> usize {
    let times = |block: &Block| block.servers.len() * rounds.min(block.rounds_max) as usize;
    blocks.iter().map(times).sum()
}
