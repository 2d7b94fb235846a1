//! `holdline lint`: judges an nginx configuration against the backend's, before either is started.
//! Leaves to the library: judging; to `config`: reading the backend's configuration.

use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum;
use holdline::{
    config::Config,
    lint::{Expected, Finding, Judged, RULES, Report, Rule, Severity, Source, lint},
};
use serde_json::json;

use super::exit;

/// Check a gateway's nginx configuration against this backend's.
///
/// Reads the files with their includes, or what `nginx -T` printed, and judges the locations that
/// pass WebSockets: those that set the header Upgrade, and those that serve the backend's routes.
/// A file that is only a part (conf.d/app.conf) is judged as such. Nothing is started or asked.
///
/// Each finding: FILE:LINE, error, warning or note, what is wrong, [rule], what would be right. An
/// error breaks connections, a warning hurts under load, in a deploy or in an attack, a note is
/// taste. Exit codes: 0 no error; 1 an error, or with --deny-warnings a warning; 64 wrong arguments,
/// an unreadable file or a wrong holdline configuration.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The main nginx.conf, a part of it, or what nginx -T printed; - is standard input
    #[arg(value_name = "NGINX_CONF", required_unless_present_any = ["rules", "explain"])]
    file: Option<PathBuf>,
    /// The backend's file [default: holdline.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How findings are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// A path that is a WebSocket one, instead of those that are recognised; may be repeated
    #[arg(long = "route", value_name = "PATH", value_parser = path)]
    routes: Vec<String>,
    /// Connections that the gateway should hold [default: server.connections_max]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    wanted_connections: Option<u32>,
    /// Let warnings fail too
    #[arg(long)]
    deny_warnings: bool,
    /// List every rule with its reason and nginx's page, and do nothing else
    #[arg(long)]
    rules: bool,
    /// Show one rule, and do nothing else
    #[arg(long, value_name = "RULE", conflicts_with = "rules")]
    explain: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  holdline lint /etc/nginx/nginx.conf
  nginx -T 2>/dev/null | holdline lint -
  holdline lint nginx.conf --config holdline.toml --route /chat/socket --wanted-connections 500

JSON: {\"file\", \"locations\" (judged as WebSocket ones), \"errors\", \"warnings\", \"notes\",
  \"left_out\" (findings beyond 1000 of a severity), \"judged\": [{\"file\", \"line\",
  \"location\", \"because\"}], \"findings\": [{\"file\", \"line\", \"severity\", \"rule\", \"wrong\", \"right\"}]}";

/// More than any configuration, and less than memory; what is beyond it is cut off.
const STDIN_BYTES_MAX: u64 = 64 << 20;

/// Judged locations that are named as text; who has more of them reads JSON.
const JUDGED_MAX: usize = 20;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people, and for editors that know FILE:LINE
    Text,
    /// One object
    Json,
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("must begin with /".to_owned()),
    }
}

/// Judges and prints.
pub(super) fn run(args: Args) -> ExitCode {
    if args.rules {
        return print(&RULES.iter().map(explained).collect::<String>(), ExitCode::SUCCESS);
    }
    if let Some(name) = &args.explain {
        return match RULES.iter().find(|rule| rule.name == name) {
            Some(rule) => print(&explained(rule), ExitCode::SUCCESS),
            None => {
                eprintln!("error: there is no rule {name}; --rules lists all");
                exit::usage()
            }
        };
    }
    match judge(&args) {
        Ok((name, report)) => {
            let fails = report.count(Severity::Error) > 0
                || (args.deny_warnings && report.count(Severity::Warning) > 0);
            let text = match args.format {
                Format::Text => as_text(&name, &report),
                Format::Json => as_json(&name, &report),
            };
            print(&text, if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            exit::usage()
        }
    }
}

fn judge(args: &Args) -> Result<(String, Report), String> {
    let loaded = Config::load(args.config.as_deref()).map_err(|error| error.to_string())?;
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    let source = read(file).map_err(|error| format!("error: {}: {error}", file.display()))?;
    let mut expected = Expected::new(&loaded.config).routes(args.routes.clone());
    if let Some(wanted) = args.wanted_connections {
        expected = expected.connections(usize::try_from(wanted).unwrap_or(usize::MAX));
    }
    Ok((file.display().to_string(), lint(&source, &expected)))
}

fn read(file: &Path) -> io::Result<Source> {
    if file != Path::new("-") {
        return Source::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(STDIN_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Source::from_text("-", &String::from_utf8_lossy(&bytes)))
}

fn as_text(name: &str, report: &Report) -> String {
    let findings = report.findings.iter().map(|finding| format!("{finding}\n"));
    let counts = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| plural(report.count(severity), &severity.to_string()));
    let locations = plural(report.locations, "WebSocket location");
    let more = match report.left_out {
        0 => String::new(),
        more => format!("; {more} more left out"),
    };
    let sum = format!("{name}: {locations}; {}{more}\n", counts.join(", "));
    let judged = report.judged.iter().take(JUDGED_MAX).map(|it| format!("judged: {it}\n"));
    let rest = report.judged.len().saturating_sub(JUDGED_MAX);
    let rest = (rest > 0).then(|| format!("judged: {rest} more\n"));
    findings.chain(judged).chain(rest).chain([sum]).collect()
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn as_json(name: &str, report: &Report) -> String {
    let finding = |it: &Finding| {
        let severity = it.severity.to_string();
        json!({
            "file": it.file, "line": it.line, "severity": severity, "rule": it.rule,
            "wrong": it.wrong, "right": it.right,
        })
    };
    let judged = |it: &Judged| {
        json!({
            "file": it.file, "line": it.line, "location": it.location, "because": it.because,
        })
    };
    let object = json!({
        "file": name,
        "locations": report.locations,
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "notes": report.count(Severity::Note),
        "left_out": report.left_out,
        "judged": report.judged.iter().map(judged).collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn explained(rule: &Rule) -> String {
    let Rule { name, checks, reason, page } = rule;
    format!("{name}\n  checks  {checks}\n  because {reason}\n  see     nginx.org/en/docs/{page}\n")
}

/// Not `print!`, which panics when the reader has seen enough (`holdline lint … | head`).
fn print(text: &str, good: ExitCode) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => good,
    }
}
