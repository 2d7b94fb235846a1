//! `internal_error`: a callback that panics, in a program of its own that has the node inside, behind the
//! gateway; the real binary has no defect to be called up. What the world notices is in `library/callback`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use holdline::backend::Backend;
use holdline::callback::{Action, Caller};
use holdline::config::Config;
use holdline::message::Message;
use holdline::node::Node;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Log, Metadata, Record};
use tokio::sync::oneshot;

use super::{Logs, line_of};
use crate::harness::{Stage, until, wait::PATIENCE};

/// Keeps the lines of this process's nodes, in the form that their own program chose.
struct Diary(Mutex<String>);

static DIARY: Diary = Diary(Mutex::new(String::new()));

impl Log for Diary {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) && record.target().starts_with("holdline") {
            let mut pairs = Pairs(String::new());
            let _ = record.key_values().visit(&mut pairs);
            let (time, level) = (jiff::Timestamp::now(), record.level());
            let mut all = self.0.lock().expect("nobody panics here");
            let _ = writeln!(all, "{time:.3} {level} {}{}", record.args(), pairs.0);
        }
    }

    fn flush(&self) {}
}

struct Pairs(String);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let _ = write!(self.0, " {key}={value}");
        Ok(())
    }
}

#[tokio::test]
async fn internal_error_is_a_defect_and_is_told_as_one() {
    log::set_logger(&DIARY).expect("nobody else logs here");
    log::set_max_level(log::LevelFilter::Info);
    let mut config = Config::default();
    config.server.listen.set_port(0);
    config.control.listen.set_port(0);
    config.server.workers = 1;
    let node = Node::with_callback(config, |_: &Arc<Caller>, _: Message| -> Action {
        panic!("the defect of this test")
    })
    .expect("a node");
    let backend = Backend::bind(node.clone()).expect("free ports");
    let address = backend.public_address().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = std::thread::spawn(move || {
        actix_rt::System::new().block_on(backend.run(async { drop(stopped.await) }))
    });
    let mut stage = Stage::gateway().behind(address).start().await;
    let mut peer = stage.connect("/ws/app").await;
    peer.text("go").await;
    let end = peer.ended().await;
    assert_eq!(end.code, 1011, "{end:?}");
    let line = line_of(&mut stage, &peer.request).await;
    assert_eq!(line["completion"], "OK");
    let ended = async || {
        let all = DIARY.0.lock().expect("nobody panics here").clone();
        all.lines()
            .any(|line| line.contains(" end ") && line.contains(&peer.request))
            .then_some(all)
    };
    let all = until("its end in the log", PATIENCE, ended, Option::is_some).await;
    let metrics = String::from_utf8(node.render_metrics()).expect("text");
    let counted = "holdline_disconnects_total{reason=\"internal_error\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    let logs = Logs::of(&mut stage);
    std::fs::write(logs.own.as_ref().expect("one"), all.unwrap_or_default()).expect("it is ours");
    logs.say(&peer.request, "internal_error");
    drop(stop);
    let served = tokio::task::spawn_blocking(|| served.join()).await.expect("it is waited for");
    served.expect("no panic").expect("it ended well");
}
