//! Which pictures a run becomes: bars by server, and curves by size.
//! Leaves to `bars` and `curves`: drawing one.

mod bars;
mod curves;

use anyhow::Result;

use self::{
    bars::{Bar, Panel, draw_bars},
    curves::{Curve, Diagram, draw_curves},
};
use super::{
    results::{Figure, Results},
    work::{Work, thousands},
};

/// A picture: its file's name without ending, and its SVG.
pub(crate) type Picture = (&'static str, String);

/// CPU time per unit of the one process under test.
const CPU: Figure = Figure::Cpu("server");

/// Every picture that the results have something for.
pub(crate) fn pictures(results: &Results) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    let mut add = |name, title: &str, panels: Vec<Panel>| -> Result<()> {
        if !panels.is_empty() {
            pictures.push((name, draw_bars(title, &panels)?));
        }
        Ok(())
    };
    add("echo", "Echo: CPU time of the server per message, in µs", panels(results, "echo", CPU))?;
    let title = "Fan-out: CPU time of the server per delivery, in µs";
    add("fanout", title, panels(results, "fanout", CPU))?;
    add("latency", "Echo: latency at one rate for all, in µs", latency(results))?;
    add("connections", "What a connection costs", connections(results))?;
    add("gateway", "Through the gateway", gateway(results))?;
    let diagrams = growth(results);
    if !diagrams.is_empty() {
        pictures.push(("growth", draw_curves("Growth", &diagrams)?));
    }
    Ok(pictures)
}

/// A panel for each work of a group.
fn panels(results: &Results, group: &str, figure: Figure) -> Vec<Panel> {
    let works = results.works(group).into_iter();
    works.filter_map(|work| panel(results, group, work, figure, work.label())).collect()
}

/// A bar for each server.
fn panel(
    results: &Results,
    group: &str,
    work: &Work,
    figure: Figure,
    title: String,
) -> Option<Panel> {
    let bar = |name: &str| {
        let spread = results.figure(group, work, name, figure)?;
        Some(Bar { name: name.to_owned(), spread })
    };
    let bars: Vec<Bar> = results.servers(group).into_iter().filter_map(bar).collect();
    (!bars.is_empty()).then_some(Panel { title, bars })
}

fn latency(results: &Results) -> Vec<Panel> {
    let Some(work) = results.works("latency").first().copied() else { return Vec::new() };
    [("half", Figure::P50), ("99 of 100", Figure::P99), ("999 of 1,000", Figure::P999)]
        .into_iter()
        .filter_map(|(share, figure)| {
            panel(results, "latency", work, figure, format!("{share} are faster than"))
        })
        .collect()
}

fn connections(results: &Results) -> Vec<Panel> {
    let works = [
        ("idle", Figure::Memory("server"), "KiB of memory (PSS)"),
        ("pings", CPU, "µs CPU per ping and pong"),
        ("handshakes", CPU, "µs CPU per handshake"),
        ("storm", CPU, "µs CPU to come back"),
    ];
    works
        .into_iter()
        .filter_map(|(group, figure, unit)| {
            let work = results.works(group).first().copied()?;
            panel(results, group, work, figure, format!("{unit}: {}", work.label()))
        })
        .collect()
}

fn gateway(results: &Results) -> Vec<Panel> {
    let mut panels = Vec::new();
    for work in results.works("gateway") {
        let (figure, unit) = match work {
            Work::Idle { .. } => (Figure::Memory("gateway"), "KiB of the gateway"),
            _ => (Figure::Cpu("gateway"), "µs CPU of the gateway"),
        };
        let title = format!("{unit}: {}", work.label());
        panels.extend(panel(results, "gateway", work, figure, title));
    }
    panels
}

fn growth(results: &Results) -> Vec<Diagram> {
    let one_room = |work: &Work| match work {
        Work::Fanout { members, rooms: 1, .. } => Some(*members),
        _ => None,
    };
    let works = results.works("growth");
    // The rooms of those works that have the same number of members.
    let many = works.iter().find_map(|work| match work {
        Work::Fanout { members, rooms, .. } if *rooms > 1 => Some(*members),
        _ => None,
    });
    let rooms = |work: &Work| match work {
        Work::Fanout { members, rooms, .. } if Some(*members) == many => Some(*rooms),
        _ => None,
    };
    let connections = |work: &Work| Some(work.connections());
    let memory = Figure::Memory("server");
    let diagrams = [
        Diagram {
            title: "CPU µs per delivery, one room".to_owned(),
            size: "members".to_owned(),
            curves: curves(results, "growth", CPU, one_room),
        },
        Diagram {
            title: format!("CPU µs per delivery, {} members", thousands(many.unwrap_or(0))),
            size: "rooms".to_owned(),
            curves: curves(results, "growth", CPU, rooms),
        },
        Diagram {
            title: "KiB of memory per idle connection (PSS)".to_owned(),
            size: "connections".to_owned(),
            curves: curves(results, "memory", memory, connections),
        },
    ];
    diagrams.into_iter().filter(|diagram| !diagram.curves.is_empty()).collect()
}

/// A curve for each server, over what `size` reads from a work.
fn curves(
    results: &Results,
    group: &str,
    figure: Figure,
    size: impl Fn(&Work) -> Option<u64>,
) -> Vec<Curve> {
    let works = results.works(group);
    let curve = |name: &str| {
        let points = works.iter().filter_map(|work| {
            Some((size(work)?, results.figure(group, work, name, figure)?.median))
        });
        Curve { name: name.to_owned(), points: points.collect() }
    };
    let curves = results.servers(group).into_iter().map(curve);
    curves.filter(|curve| !curve.points.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{failed, round};

    #[test]
    fn what_was_measured_is_drawn_and_nothing_else() {
        let mut results = Results::default();
        let work = Work::Echo { connections: 64, bytes: 32, depth: 1, rate: None };
        for (server, cpu) in [("floor", 4.0), ("holdline", 5.0)] {
            results.add("echo", &work, server, round(cpu));
        }
        for members in [1000, 10_000] {
            let work = Work::Fanout { members, bytes: 256, in_flight: 1, rooms: 1 };
            results.add("growth", &work, "holdline", round(2.0));
        }
        let pictures = pictures(&results).expect("drawn");
        let names: Vec<_> = pictures.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["echo", "growth"]);
        let (_, echo) = &pictures[0];
        for text in ["64 connections, 32 B, depth 1", "floor", "holdline", "4.00", "5.00", "µs"] {
            assert!(echo.contains(text), "{text} is missing in {echo}");
        }
    }

    #[test]
    fn nothing_measured_is_no_picture() {
        let mut results = Results::default();
        assert!(pictures(&results).expect("nothing").is_empty());
        results.add("storm", &Work::Storm { connections: 10 }, "floor", failed("it fell over"));
        assert!(pictures(&results).expect("nothing").is_empty());
    }
}
