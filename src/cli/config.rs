//! `holdline config`: shows the configuration that `holdline serve` would use, or checks it.
//! Reading and judging it is left to the library; the descriptor limit to `serve`.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use holdline::config::{Config, KEYS, Key, Loaded};

use super::exit;

/// Show the effective configuration: every key with value, source, default, unit and meaning.
///
/// The output is itself a valid holdline.toml. Exits 64 when the configuration is wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to read [default: holdline.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only check: print problems, warnings and "ok"
    #[arg(long)]
    check: bool,
}

/// Prints the configuration to standard output; what is wrong or doubtful to standard error.
pub(crate) fn run(args: Args) -> ExitCode {
    let loaded = match Config::load(args.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return exit::usage();
        }
    };
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    let text = if args.check { "ok\n".to_owned() } else { listing(&loaded) };
    // Not `print!`, which panics when the reader has seen enough (`holdline config | head`).
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn listing(loaded: &Loaded) -> String {
    let mut text = match &loaded.file {
        Some(file) => format!("# Read: {} and the environment.\n", file.display()),
        None => "# Read: no file, only the environment.\n".to_owned(),
    };
    let mut section = "";
    for key in KEYS {
        if key.section() != section {
            section = key.section();
            let _ = writeln!(text, "\n[{section}]");
        }
        text.push_str(&entry(key, loaded));
    }
    text
}

/// One key. A secret that is set is commented out, because what stands for it is not its value.
fn entry(key: &Key, loaded: &Loaded) -> String {
    let Key { unit, meaning, .. } = key;
    let (name, default) = (key.short_name(), key.default_value());
    let (value, source) = (key.value(&loaded.config), loaded.sources.of(key.name));
    let hide = if key.secret && value != default { "#" } else { "" };
    format!(
        "\n# {meaning}\n# Unit: {unit}. Default: {default}.\n{hide}{name} = {value}  # {source}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use holdline::config::{Config, KEYS};

    use super::listing;

    fn variables() -> [(String, String); 2] {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        [
            variable("HOLDLINE__GATEWAY__READ_TIMEOUT", "90s"),
            variable("HOLDLINE__SERVER__ALLOWED_ORIGINS", "https://a.example,https://b.example"),
        ]
    }

    #[test]
    fn every_key_is_listed_with_value_source_default_unit_and_meaning() {
        let loaded = Config::load_from(None, variables()).expect("a good configuration");
        let text = listing(&loaded);
        for key in KEYS {
            let entry = format!("# {}\n# Unit: {}. Default: ", key.meaning, key.unit);
            assert!(text.contains(&entry), "{}: {text}", key.name);
        }
        let lines = [
            "Default: \"60s\".\nread_timeout = \"90s\"  # HOLDLINE__GATEWAY__READ_TIMEOUT\n",
            "Default: \"auto\".\nping_interval = \"30s\"  # default\n",
        ];
        assert!(lines.iter().all(|line| text.contains(line)), "{text}");
    }

    #[test]
    fn a_secret_is_never_listed() {
        let secret = "e4f1c0ffee-e4f1c0ffee-e4f1c0ffee-e4f1c0ffee";
        let variable = ("HOLDLINE__AUTH__JWT_SECRET".to_owned(), secret.to_owned());
        let loaded = Config::load_from(None, [variable]).expect("a good configuration");
        let text = listing(&loaded);
        let line = "\n#jwt_secret = \"(hidden)\"  # HOLDLINE__AUTH__JWT_SECRET\n";
        assert!(text.contains(line) && !text.contains("c0ffee"), "{text}");
        assert!(!format!("{:?}", loaded.config).contains("c0ffee"));
    }

    #[test]
    fn the_listing_is_a_configuration_file_that_means_the_same() {
        let loaded = Config::load_from(None, variables()).expect("a good configuration");
        let path = std::env::temp_dir().join(format!("holdline-listing-{}", std::process::id()));
        fs::write(&path, listing(&loaded)).expect("a writable temporary folder");
        let again = Config::load_from(Some(Path::new(&path)), []);
        let _ = fs::remove_file(&path);
        assert_eq!(again.expect("a good configuration").config, loaded.config);
    }
}
