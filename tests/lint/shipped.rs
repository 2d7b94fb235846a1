//! What ships has no finding at all, as it lies and as it is rendered.
//! Leaves to `scripts/lib/checks.sh`: the same on the command line.

use std::{path::Path, process::Command};

use holdline::{
    config::Config,
    lint::{Expected, Report, Source, lint},
};

use crate::{nginx::judge, sample::found, tool::repository};

/// The run folder that `scripts/up` makes, with these variables.
fn rendered(variables: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shipped = repository().join("deploy/nginx");
    std::os::unix::fs::symlink(shipped.join("nginx.conf"), folder.path().join("nginx.conf"))
        .expect("the folder is ours");
    let output = Command::new(shipped.join("render"))
        .arg(folder.path().join("holdline.d"))
        .envs(variables.iter().copied())
        .output()
        .expect("the shipped script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

fn judged(main: &Path, variables: &[(&str, &str)]) -> Report {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::load_from(None, variables).expect("a good configuration").config;
    lint(&Source::read(main).expect("it is there"), &Expected::new(&config))
}

const SET: &[(&str, &str)] = &[
    ("HOLDLINE_READ_TIMEOUT", "90s"),
    ("HOLDLINE_BACKENDS", "127.0.0.1:9000 127.0.0.1:9002 [::1]:9003"),
    ("HOLDLINE_RESOLVER", "127.0.0.11"),
    ("HOLDLINE_TRUSTED_CDN", "203.0.113.0/24, 2001:db8::/32"),
];

#[test]
fn the_shipped_gateway_has_no_finding_as_it_lies() {
    let report = judged(&repository().join("deploy/nginx/nginx.conf"), &[]);
    assert_eq!((found(&report), report.locations), (vec![], 4));
}

#[test]
fn the_shipped_gateway_has_no_finding_with_everything_set() {
    let folder = rendered(SET);
    let told = [("HOLDLINE__GATEWAY__READ_TIMEOUT", "90s")];
    let report = judged(&folder.path().join("nginx.conf"), &told);
    assert_eq!((found(&report), report.locations), (vec![], 4));
}

#[test]
fn the_shipped_gateway_has_no_finding_with_tls() {
    let folder = rendered_with_tls();
    let report = judged(&folder.path().join("nginx.conf"), &[]);
    assert_eq!((found(&report), report.locations), (vec![], 4));
}

/// The same, and a certificate.
fn rendered_with_tls() -> tempfile::TempDir {
    let tls = tempfile::tempdir().expect("a temporary folder");
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["chat.example".to_owned()]).expect("a good name");
    let certificate = params.self_signed(&key).expect("signed").pem();
    let key = key.serialize_pem();
    for (name, pem) in [("fullchain.pem", certificate), ("privkey.pem", key)] {
        let file = tls.path().join(name);
        std::fs::write(&file, pem).expect("the folder is ours");
        let alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, alone).expect("the file is ours");
    }
    rendered(&[("GATEWAY_TLS_FOLDER", &tls.path().display().to_string())])
}

#[test]
fn what_nginx_prints_of_the_shipped_gateway_is_read_alike() {
    let folder = rendered(&[("GATEWAY_PORT", "8765")]);
    let output = judge(folder.path(), "-T");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = Source::from_text("-", &String::from_utf8_lossy(&output.stdout));
    let files = Source::read(&folder.path().join("nginx.conf")).expect("it is there");
    assert!(files.directives().len() > 80, "{:?}", files.directives());
    assert_eq!(files.directives(), printed.directives());
}

#[test]
fn a_backend_that_is_told_something_else_is_found_out() {
    let folder = rendered(&[("HOLDLINE_READ_TIMEOUT", "15s")]);
    let report = judged(&folder.path().join("nginx.conf"), &[]);
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["read-timeout"], "{report:#?}");
    assert!(report.findings[0].file.ends_with("holdline.d/timeouts.conf"), "{report:#?}");
}
