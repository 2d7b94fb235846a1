//! The page: a template whose placeholders are tables and facts of a run.
//! Leaves to `tables`, `goals` and `plots`: what stands in them; to `main`: where the page goes.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

use super::{
    plots::pictures,
    results::{Figure, Results},
    tables,
};

/// All words that are no numbers.
const TEMPLATE: &str = include_str!("report.md");

/// CPU time per unit of the one process under test.
const CPU: Figure = Figure::Cpu("server");

/// Writes page, pictures and raw data. `pictures_folder` is where the page looks for the pictures,
/// from where it lies itself.
pub(crate) fn write(
    results: &Results,
    page: &Path,
    pictures_folder: &Path,
    prefix: &str,
) -> Result<()> {
    fs::create_dir_all(pictures_folder)
        .with_context(|| format!("cannot make {}", pictures_folder.display()))?;
    let put = |path: &Path, text: &str| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    let mut drawn = Vec::new();
    for (name, svg) in pictures(results)? {
        put(&pictures_folder.join(format!("{name}.svg")), &svg)?;
        drawn.push(name);
    }
    let data = serde_json::to_string_pretty(results)? + "\n";
    put(&pictures_folder.join("results.json"), &data)?;
    put(page, &text(results, &drawn, prefix)?)
}

/// The page. `drawn`: the pictures that there are.
fn text(results: &Results, drawn: &[&str], prefix: &str) -> Result<String> {
    let mut text = TEMPLATE.to_owned();
    for (name, value) in values(results) {
        text = text.replace(&format!("{{{{{name}}}}}"), &value);
    }
    text = text.replace("{{prefix}}", prefix);
    while let Some((before, rest)) = text.split_once("{{picture ") {
        let (picture, after) = rest.split_once("}}").context("a placeholder without an end")?;
        let (name, words) = picture.split_once(": ").context("a picture without words")?;
        let shown = if drawn.contains(&name) {
            format!("![{words}]({prefix}{name}.svg)")
        } else {
            "No picture: this was not measured in this run.".to_owned()
        };
        text = format!("{before}{shown}{after}");
    }
    if let Some((_, rest)) = text.split_once("{{") {
        bail!(
            "the report's template has an unknown placeholder {{{{{}",
            rest.lines().next().unwrap_or("")
        );
    }
    Ok(text)
}

fn values(results: &Results) -> Vec<(&'static str, String)> {
    let by_server =
        |group: &str, columns: &[tables::Column<'_>]| tables::by_server(results, group, columns);
    let per_work = |group, figure, against| {
        by_server(group, &tables::per_work(results, group, figure, against))
    };
    let per_figure = |group, figures: &[(&str, Figure, Option<&'static str>)]| {
        by_server(group, &tables::per_figure(results, group, figures))
    };
    let floor = Some("floor");
    let (gateway, memory) = (Some("nginx plain, stock settings"), Figure::Memory("server"));
    let rate = results.works("latency").first().map_or(String::new(), |work| work.label());
    vec![
        ("summary", summary(results)),
        ("machine", machine(results)),
        ("goals", tables::of_goals(results)),
        ("peers", tables::of_peers(results)),
        ("failures", tables::of_failures(results)),
        ("echo", per_work("echo", CPU, floor)),
        ("echo per second", per_work("echo", Figure::PerSecond, None)),
        ("load", per_work("echo", Figure::LoadCpu, None)),
        ("load fanout", per_work("fanout", Figure::LoadCpu, None)),
        ("rate", rate),
        (
            "latency",
            per_figure(
                "latency",
                &[
                    ("half", Figure::P50, None),
                    ("99 of 100", Figure::P99, None),
                    ("999 of 1,000", Figure::P999, None),
                    ("messages per second", Figure::PerSecond, None),
                ],
            ),
        ),
        ("fanout", per_work("fanout", CPU, floor)),
        (
            "idle",
            per_figure(
                "idle",
                &[
                    ("KiB PSS per connection", memory, None),
                    ("KiB of the kernel, both ends", Figure::Kernel, None),
                    ("MiB before the first", Figure::Base("server"), None),
                ],
            ),
        ),
        (
            "pings",
            per_figure(
                "pings",
                &[("CPU µs", CPU, floor), ("KiB PSS per connection", memory, None)],
            ),
        ),
        (
            "handshakes",
            per_figure(
                "handshakes",
                &[("CPU µs", CPU, floor), ("per second", Figure::PerSecond, None)],
            ),
        ),
        (
            "storm",
            per_figure(
                "storm",
                &[
                    ("seconds until the last", Figure::Seconds, None),
                    ("CPU µs per connection", CPU, floor),
                    ("half were back after µs", Figure::P50, None),
                    ("tried again", Figure::Retries, None),
                ],
            ),
        ),
        ("gateway", per_work("gateway", Figure::Cpu("gateway"), gateway)),
        ("backend", gateway_backend(results)),
        ("gateway memory", per_work("gateway", Figure::Memory("gateway"), gateway)),
        ("settings", tables::of_settings(results)),
        ("growth", tables::by_work(results, "growth", CPU)),
        ("memory", tables::by_work(results, "memory", memory)),
        ("calls", tables::of_calls(results)),
        ("configuration", results.holdline_configuration.trim_end().to_owned()),
        ("commands", commands(results)),
    ]
}

/// What is behind the gateway, and what the same costs without one.
fn gateway_backend(results: &Results) -> String {
    let mut head = vec![String::new()];
    let works = results.works("gateway");
    head.extend(works.iter().map(|work| work.label()));
    let rows = results.servers("gateway").into_iter().map(|server| {
        let account = if server.starts_with("nginx") { "backend" } else { "server" };
        let cells = works.iter().map(|work| {
            let idle = matches!(work, super::work::Work::Idle { .. });
            let figure = if idle { Figure::Memory(account) } else { Figure::Cpu(account) };
            let spread = results.figure("gateway", work, server, figure);
            let unit = if idle { " KiB" } else { "" };
            spread.map_or_else(|| "–".to_owned(), |spread| spread.text() + unit)
        });
        std::iter::once(server.to_owned()).chain(cells).collect()
    });
    tables::table(&head, rows.collect())
}

/// What kind of run it was, in one sentence or two.
fn summary(results: &Results) -> String {
    let cells = results.cells.len();
    let rounds = results.rounds;
    let minutes = (results.seconds / 60.0).round();
    if results.short {
        return format!(
            "**This was the short form, {cells} cells in {:.0} s: it proves that the benchmark works. \
             Its numbers mean nothing.**",
            results.seconds
        );
    }
    let failed = results.failures().len();
    let failures =
        if failed == 0 { String::new() } else { format!(" **{failed} cells failed**, see below.") };
    format!(
        "{cells} cells, {rounds} rounds at most, {minutes} minutes, on {}.{failures}",
        results.machine.date
    )
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let versions: Vec<String> =
        machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let noise = if machine.noise.is_empty() {
        "quiet when it began".to_owned()
    } else {
        format!("**not quiet when it began**: {}", machine.noise.join(", "))
    };
    let dirty = if machine.dirty { ", with changes that are not committed" } else { "" };
    [
        format!("* **Processor**: {}, {} cores", machine.processor, machine.cores),
        format!("* **Memory**: {:.1} GiB", machine.memory_gib),
        format!("* **Kernel**: Linux {}", machine.kernel),
        format!("* **Machine**: {noise}"),
        format!("* **Commit**: `{}`{dirty}", machine.commit),
        format!("* **Versions**: {}", versions.join(", ")),
    ]
    .join("\n")
}

/// The commands of one cell per group, as an example: all are in the raw data.
fn commands(results: &Results) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for cell in results.cells.iter().filter(|cell| cell.server != "floor") {
        if seen.contains(&cell.group.as_str()) {
            continue;
        }
        let Some(round) = cell.rounds.first() else { continue };
        seen.push(&cell.group);
        lines.push(format!("# {}: {}, {}", cell.group, cell.work.label(), cell.server));
        lines.extend(round.commands.iter().cloned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        results::tests::{failed, round},
        work::Work,
    };

    fn some() -> Results {
        let mut results = Results { rounds: 1, ..Results::default() };
        let work = Work::Echo { connections: 64, bytes: 32, depth: 1, rate: None };
        results.add("echo", &work, "floor", round(4.0));
        results.add("echo", &work, "holdline", round(5.0));
        results.add("echo", &work, "ws", failed("no node here"));
        results
    }

    #[test]
    fn the_page_has_no_placeholder_left_whatever_was_measured() {
        for results in [Results::default(), some()] {
            let text = text(&results, &[], "").expect("a page");
            assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
        }
    }

    #[test]
    fn pictures_are_looked_for_where_they_lie() {
        let page = text(&some(), &["echo"], "benchmarks/").expect("a page");
        assert!(page.contains("](benchmarks/echo.svg)"), "{page}");
        assert!(!page.contains("fanout.svg"), "{page}");
    }

    #[test]
    fn what_failed_is_on_the_page() {
        let page = text(&some(), &[], "").expect("a page");
        assert!(page.contains("1 cells failed") && page.contains("no node here"), "{page}");
    }

    #[test]
    fn the_raw_data_is_the_whole_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        write(&some(), &folder.path().join("report.md"), folder.path(), "").expect("written");
        let data = fs::read_to_string(folder.path().join("results.json")).expect("data");
        let again: Results = serde_json::from_str(&data).expect("results");
        assert_eq!(again.cells.len(), 3);
        assert_eq!(again.failures().len(), 1);
    }
}
