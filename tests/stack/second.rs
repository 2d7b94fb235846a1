//! Another stack on the same machine, and one that must not start.

use crate::stack::{Stack, docker};

pub async fn a_second_stack_does_not_collide(first: &Stack) {
    let mut peer = first.connect("/ws/echo").await;
    let second = tokio::task::block_in_place(|| {
        let mut second = Stack::planned("5s");
        second.set("COMPOSE_PROFILES", "");
        second.up_again();
        second
    });
    second.connect("/ws/echo").await.echoes("the second").await;
    let output = tokio::task::block_in_place(|| second.script("down", &[]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    peer.echoes("the first, as if nothing had been").await;
}

pub fn a_spelling_that_the_two_read_differently_is_refused() {
    for spelling in ["90", "1m30s"] {
        let stack = Stack::planned(spelling);
        let output = stack.script("up", &["--compose"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("HOLDLINE_READ_TIMEOUT"), "{said}");
        let filter = format!("label=com.docker.compose.project={}", stack.project);
        assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", &filter]), "");
    }
}
