//! The programs the proof needs, as `scripts/tool` finds or installs them.
//! A missing one fails the test that wants it, with the script's own words.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The repository this test was built from.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The path of `name`, found once per run.
///
/// # Panics
/// When `scripts/tool` cannot provide it.
pub fn tool(name: &'static str) -> PathBuf {
    static FOUND: Mutex<Option<HashMap<&str, Result<PathBuf, String>>>> = Mutex::new(None);
    let answer = {
        let mut found = FOUND.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        found.get_or_insert_default().entry(name).or_insert_with(|| ask(name)).clone()
    };
    answer.unwrap_or_else(|why| panic!("the proof needs {name}: {why}"))
}

fn ask(name: &str) -> Result<PathBuf, String> {
    let script = repository().join("scripts/tool");
    let output = Command::new(&script)
        .arg(name)
        .output()
        .map_err(|error| format!("{} does not run: {error}", script.display()))?;
    if !output.status.success() {
        return Err(format!(
            "scripts/tool {name} failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
