//! Both commands work with servers that nobody here wrote.
//! What they promise beside is proven with our own, in the other files.

use crate::harness::foreign::{Foreign, Kind};
use crate::harness::wait::undisturbed;
use crate::script::run;

const KINDS: [Kind; 3] = [Kind::NodeWs, Kind::PythonWebsockets, Kind::Gorilla];

#[tokio::test]
async fn any_server_that_answers_pings_is_alive_and_one_that_does_not_is_dead() {
    for kind in KINDS {
        let server = Foreign::start(kind).await;
        let url = |path: &str| format!("ws://{}{path}", server.address());
        let ended = run(&["ping", &url("/mute"), "-c", "3", "-i", "50ms"], b"").await;
        assert_eq!(ended.code, Some(0), "{kind:?}: {ended:?}");
        assert_eq!(ended.output.last().unwrap(), "server is alive", "{kind:?}");
        let ended = run(&["ping", &url("/deaf"), "-i", "50ms", "-W", "500ms"], b"").await;
        assert_eq!(ended.code, Some(1), "{kind:?}: {ended:?}");
        let dead = "server is dead: no pong within 500ms";
        assert_eq!(ended.output.last().unwrap(), dead, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_piped_to_any_server_comes_back_from_it() {
    // Side by side: each waits for all of its time.
    futures_util::future::join_all(KINDS.map(comes_back)).await;
}

async fn comes_back(kind: Kind) {
    let server = Foreign::start(kind).await;
    let url = format!("ws://{}/late/20", server.address());
    let ended = undisturbed("answers within the wait", async || {
        let arguments = ["connect", "--once", "-w", "2", &url];
        let ended = run(&arguments, "eins\nzwölf\n".as_bytes()).await.in_time()?;
        Some(ended).filter(|ended| ended.output.len() == 2)
    });
    let ended = ended.await;
    assert_eq!((ended.code, ended.output), (Some(0), vec!["eins".into(), "zwölf".into()]));
    let url = format!("ws://{}/close/1008", server.address());
    let ended = run(&["connect", "-x", "go on", "-w", "-1", &url], b"").await;
    assert_eq!(ended.code, Some(1), "{kind:?}: {ended:?}");
    assert!(ended.errors.contains("1008 (policy violation)"), "{kind:?}: {ended:?}");
}
