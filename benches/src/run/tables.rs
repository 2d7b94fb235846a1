//! Tables in Markdown: who took how much for what.
//! Leaves to `results`: the figures; to `report`: where each table stands.

use super::{
    figures::times,
    goals::{Verdict, against, goals},
    plan::PEERS,
    results::{Figure, Results, Round},
    work::Work,
};

/// A column: a figure of a work.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    /// Above it.
    pub(crate) head: String,
    /// Of what.
    pub(crate) work: &'a Work,
    /// Which number.
    pub(crate) figure: Figure,
    /// Whose number it is also told as a multiple of.
    pub(crate) against: Option<&'static str>,
}

/// A row for each server of a group, with its figures.
pub(crate) fn by_server(results: &Results, group: &str, columns: &[Column<'_>]) -> String {
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|column| column.head.clone()));
    let rows = results.servers(group).into_iter().map(|server| {
        let mut row = vec![server.to_owned()];
        row.extend(columns.iter().map(|column| text(results, group, server, column)));
        row
    });
    table(&head, rows.collect())
}

/// A row for each work of a group, for groups with many works and few servers.
pub(crate) fn by_work(results: &Results, group: &str, figure: Figure) -> String {
    let servers = results.servers(group);
    let head: Vec<String> =
        std::iter::once("").chain(servers.iter().copied()).map(str::to_owned).collect();
    let rows = results.works(group).into_iter().map(|work| {
        let column = Column { head: String::new(), work, figure, against: None };
        let cells = servers.iter().map(|server| text(results, group, server, &column));
        std::iter::once(work.label()).chain(cells).collect()
    });
    table(&head, rows.collect())
}

/// One column for each work of a group.
pub(crate) fn per_work<'a>(
    results: &'a Results,
    group: &str,
    figure: Figure,
    against: Option<&'static str>,
) -> Vec<Column<'a>> {
    let column = |work: &'a Work| Column { head: work.label(), work, figure, against };
    results.works(group).into_iter().map(column).collect()
}

/// One column for each of some figures of the only work of a group.
pub(crate) fn per_figure<'a>(
    results: &'a Results,
    group: &str,
    figures: &[(&str, Figure, Option<&'static str>)],
) -> Vec<Column<'a>> {
    let Some(work) = results.works(group).first().copied() else { return Vec::new() };
    let column = |&(head, figure, against): &(&str, Figure, Option<&'static str>)| Column {
        head: head.to_owned(),
        work,
        figure,
        against,
    };
    figures.iter().map(column).collect()
}

fn text(results: &Results, group: &str, server: &str, column: &Column<'_>) -> String {
    let Some(cell) = results.cell(group, column.work, server) else { return "–".to_owned() };
    if cell.failure().is_some() {
        return "failed".to_owned();
    }
    let Some(spread) = cell.figure(column.figure) else { return "–".to_owned() };
    let base = column.against.filter(|base| *base != server);
    let base = base.and_then(|base| results.figure(group, column.work, base, column.figure));
    match base {
        Some(base) if base.median > 0.0 => {
            format!("{} · {}", spread.text(), times(spread.median / base.median))
        }
        _ => spread.text(),
    }
}

/// The promises and whether they hold.
pub(crate) fn of_goals(results: &Results) -> String {
    let head = ["work", "goal", "measured", ""].map(str::to_owned);
    let rows = goals(results).into_iter().map(|goal| {
        let verdict = match goal.verdict {
            Verdict::Held => "held",
            Verdict::Missed => "**MISSED**",
            Verdict::NotMeasured => "not measured",
        };
        vec![goal.work, goal.promise, goal.measured, verdict.to_owned()]
    });
    table(&head, rows.collect())
}

/// How Holdline stands to each peer in every cell.
pub(crate) fn of_peers(results: &Results) -> String {
    let cpu = Figure::Cpu("server");
    let groups = [
        ("echo", cpu),
        ("fanout", cpu),
        ("idle", Figure::Memory("server")),
        ("pings", cpu),
        ("handshakes", cpu),
        ("storm", cpu),
    ];
    let head = [
        "Holdline against",
        "echo",
        "fan-out",
        "idle memory",
        "ping",
        "handshake",
        "storm",
        "less in",
    ]
    .map(str::to_owned);
    let rows = PEERS.iter().chain(&["nchan"]).map(|peer| {
        let mut row = vec![(*peer).to_owned()];
        let ratios = groups.map(|(group, figure)| against(results, group, peer, figure));
        row.extend(ratios.iter().map(|ratio| match ratio {
            Some((least, most)) if times(*least) == times(*most) => times(*least),
            Some((least, most)) => format!("{}–{}", times(*least), times(*most)),
            None => "–".to_owned(),
        }));
        let measured = ratios.iter().flatten().count();
        let met = ratios.iter().flatten().filter(|(_, most)| *most < 1.0).count();
        row.push(if measured > 0 && met == measured {
            "every cell".to_owned()
        } else {
            format!("{met} of {measured}")
        });
        row
    });
    table(&head, rows.collect())
}

/// The effect of each setting of the gateway on each work that it was tried with.
pub(crate) fn of_settings(results: &Results) -> String {
    let head = [
        "work",
        "setting",
        "gateway, CPU µs per unit",
        "backend, CPU µs per unit",
        "gateway, KiB per connection",
    ]
    .map(str::to_owned);
    let mut rows = Vec::new();
    for work in results.works("settings") {
        let idle = matches!(work, Work::Idle { .. });
        // Of connections that come and go there is no memory each.
        let stays = !matches!(work, Work::Handshakes { .. } | Work::Gets);
        for cell in results.group("settings").into_iter().filter(|cell| cell.work == *work) {
            let base =
                if cell.server.starts_with("nginx TLS") { "nginx TLS" } else { "nginx plain" };
            let text = |figure, applies: bool| {
                let column = Column { head: String::new(), work, figure, against: Some(base) };
                if applies {
                    text(results, "settings", &cell.server, &column)
                } else {
                    "–".to_owned()
                }
            };
            let name = if cell.server == base {
                format!("{base}, as shipped")
            } else {
                cell.server.clone()
            };
            rows.push(vec![
                work.label(),
                name,
                text(Figure::Cpu("gateway"), !idle),
                text(Figure::Cpu("backend"), !idle),
                text(Figure::Memory("gateway"), stays),
            ]);
        }
    }
    table(&head, rows)
}

/// System calls per unit of work, by name the six most frequent that make up a hundredth.
pub(crate) fn of_calls(results: &Results) -> String {
    let head = ["work", "", "all calls per unit", "of these"].map(str::to_owned);
    let mut rows = Vec::new();
    for cell in results.group("calls") {
        let all = match (cell.failure(), cell.figure(Figure::Calls)) {
            (Some(_), _) => "failed".to_owned(),
            (None, Some(spread)) => spread.text(),
            (None, None) => "–".to_owned(),
        };
        let kinds = cell.rounds.first().map(kinds).unwrap_or_default();
        rows.push(vec![cell.work.label(), cell.server.clone(), all, kinds]);
    }
    table(&head, rows)
}

fn kinds(round: &Round) -> String {
    let units = round.outcome.as_ref().map_or(0, |outcome| outcome.units).max(1) as f64;
    let all = round.calls.values().sum::<u64>();
    let mut calls: Vec<(&String, &u64)> =
        round.calls.iter().filter(|(_, count)| **count * 100 > all).collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let text = |(name, count): (&String, &u64)| {
        format!("`{name}` {}", super::figures::digits(*count as f64 / units))
    };
    calls.into_iter().take(6).map(text).collect::<Vec<_>>().join(", ")
}

/// Every cell that failed, and why.
pub(crate) fn of_failures(results: &Results) -> String {
    let failures = results.failures();
    if failures.is_empty() {
        return "No cell failed.".to_owned();
    }
    let line = |(cell, why): &(&super::results::Cell, &str)| {
        format!("* **{}**, {}, {}: {why}", cell.group, cell.work.label(), cell.server)
    };
    failures.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A table: the first column to the left, numbers to the right.
pub(crate) fn table(head: &[String], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() || head.len() < 2 {
        return "Not measured in this run.".to_owned();
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let rule = format!("|{}", "---|".repeat(head.len()));
    let rows = rows.iter().map(|row| line(row));
    [line(head), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{failed, round};

    const WORK: Work = Work::Echo { connections: 64, bytes: 32, depth: 1, rate: None };

    #[test]
    fn a_table_has_ratios_to_the_floor_and_says_what_failed() {
        let mut results = Results::default();
        for (server, cpu) in [("floor", 4.0), ("holdline", 5.0)] {
            results.add("echo", &WORK, server, round(cpu));
        }
        results.add("echo", &WORK, "ws", failed("no node"));
        let columns = per_work(&results, "echo", Figure::Cpu("server"), Some("floor"));
        let expected = "\
|  | 64 connections, 32 B, depth 1 |
|---|---|
| floor | 4.00 |
| holdline | 5.00 · 1.25× |
| ws | failed |";
        assert_eq!(by_server(&results, "echo", &columns), expected);
        let failures = of_failures(&results);
        assert_eq!(failures, "* **echo**, 64 connections, 32 B, depth 1, ws: no node");
    }

    #[test]
    fn a_peer_is_met_in_every_cell_or_in_so_many() {
        let mut results = Results::default();
        results.add("echo", &WORK, "holdline", round(5.0));
        results.add("echo", &WORK, "axum", round(4.0));
        results.add("echo", &WORK, "ws", round(10.0));
        let table = of_peers(&results);
        assert!(table.contains("| axum | 1.25× | – | – | – | – | – | 0 of 1 |"), "{table}");
        assert!(table.contains("| ws | 0.50× | – | – | – | – | – | every cell |"), "{table}");
    }

    #[test]
    fn calls_are_told_per_unit_and_the_rare_ones_left_out() {
        let mut found = round(1.0);
        found.calls = [("sendto", 2000), ("recvfrom", 1000), ("mmap", 20)]
            .map(|(name, count)| (name.to_owned(), count))
            .into();
        let mut results = Results::default();
        results.add("calls", &WORK, "floor", found);
        let table = of_calls(&results);
        assert!(table.contains("| 3.02 | `sendto` 2.00, `recvfrom` 1.00 |"), "{table}");
    }

    #[test]
    fn what_was_not_run_is_said_to_be() {
        assert_eq!(by_server(&Results::default(), "echo", &[]), "Not measured in this run.");
        assert_eq!(of_settings(&Results::default()), "Not measured in this run.");
    }
}
