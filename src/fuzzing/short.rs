//! A short run with any compiler: the kept corpus, and then inputs made of it at random from a fixed seed.
//! Leaves to `fuzz/` what only coverage finds.
//!
//! `FUZZ_SECONDS` says how long each target is tried; without it, a few hundred times. An input that fails
//! is put into `fuzz/artifacts`, where `scripts/fuzz TARGET` puts those of libFuzzer.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fastrand::Rng;

use super::{TARGETS, target};

/// No input becomes longer.
const BYTES_MAX: usize = 16 * 1024;

#[test]
fn the_guard_keeps_its_promises_whatever_is_sent() {
    try_out("guard");
}

#[test]
fn inflating_keeps_its_promises_whatever_is_inflated() {
    try_out("inflate");
}

#[test]
fn the_configuration_keeps_its_promises_whatever_is_written() {
    try_out("config");
}

#[test]
fn rest_keeps_its_promises_whatever_is_asked() {
    try_out("rest");
}

#[test]
fn every_target_has_its_program_and_its_corpus_and_there_are_no_others() {
    let names = |folder: &str| {
        let files = fs::read_dir(fuzz().join(folder)).expect("a folder");
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<_> = files.map(|file| stem(file.unwrap().path())).collect();
        names.sort();
        names
    };
    let mut targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("name = {name:?}")), "{name}");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("target({name:?})")), "{name}");
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Every input of the corpus, and then some of their kind.
fn try_out(name: &str) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "no corpus of {name}");
    for input in &corpus {
        try_one(name, input);
    }
    let seconds = env::var("FUZZ_SECONDS").map(|text| text.parse().expect("a number"));
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut rng = Rng::with_seed(0x0068_6f6c_646c_696e);
    let mut tried = 0_u64;
    while until.as_ref().map_or(tried < 300, |until| Instant::now() < *until) {
        try_one(name, &changed(&corpus, &mut rng));
        tried += 1;
    }
    eprintln!("{name}: {} inputs of the corpus and {tried} at random", corpus.len());
}

/// In the order of their names, so that a run can be repeated.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(fuzz().join("corpus").join(name)).expect("a folder of the corpus");
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn try_one(name: &str, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(name)(input))) {
        let folder = fuzz().join("artifacts").join(name);
        let path = folder.join("crash-of-a-short-run");
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input));
        eprintln!("{name} fails on \"{}\"\n{}: {written:?}", input.escape_ascii(), path.display());
        resume_unwind(panic);
    }
}

/// One input of the corpus after one to eight changes.
fn changed(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..=rng.usize(..8) {
        change(&mut input, corpus, rng);
    }
    input.truncate(BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    let some = range(input.len(), rng);
    match rng.u8(..8) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        1 if at < input.len() => input[at] = rng.u8(..),
        2 if at < input.len() => input[at] = *rng.choice(&[0, 1, 0x7e, 0x7f, 0x80, 0xff]).unwrap(),
        3 => input.insert(at, rng.u8(..)),
        4 => drop(input.drain(some)),
        // A part of it a second time.
        5 => {
            let part = input[some].to_vec();
            input.splice(at..at, part);
        }
        // A part of another one.
        6 | 7 => {
            let other = rng.choice(corpus).cloned().unwrap_or_default();
            let part = other[range(other.len(), rng)].to_vec();
            input.splice(at..at, part);
        }
        _ => input.truncate(at),
    }
}

fn range(length: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.usize(..=length);
    start..start + rng.usize(..=(length - start).min(64))
}
