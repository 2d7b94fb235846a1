//! The proof that `docker compose up` does: the shipped compose file with real containers, in the
//! order in which somebody meets it. What needs no container is proven in `tests/e2e`.
//!
//! One stack is started once and disturbed on purpose, step after step, because starting one costs
//! seconds. `scripts/lib/check_stack` runs it where a Docker engine can be had.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of the two uses a part of it"
)]

mod deploys;
mod first_use;
mod replicas;
mod second;

mod stack;

#[path = "../harness/mod.rs"]
mod harness;

use std::time::Instant;

use self::stack::Stack;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stack_keeps_its_promises() {
    let began = Instant::now();
    let mut stack = Stack::up("60s");
    told(began, "up, from nothing");
    first_use::the_backends_image_is_small(&stack);
    told(began, "the backend's image has at most 20 MB");
    first_use::prometheus_follows_connects_and_disconnects(&stack).await;
    told(began, "Prometheus follows connects and disconnects");
    first_use::curl_gets_its_reply_by_the_link(&mut stack).await;
    told(began, "curl gets its reply by the link");

    // Short from here on, by the one variable.
    stack.set("HOLDLINE_READ_TIMEOUT", "3s");
    stack.up_again();
    first_use::wscat_idles_past_the_read_timeout(&stack).await;
    told(began, "the one variable alone shortens the timeout; wscat idles past it");
    deploys::a_deploy_says_1012_to_everyone(&mut stack, "one replica").await;
    told(began, "deploy with one replica");

    stack.set("HOLDLINE_REPLICAS", "3");
    stack.up_again();
    replicas::echo_connections_spread_evenly(&stack).await;
    told(began, "three replicas share echo connections evenly, and Prometheus counts each");
    replicas::the_members_of_a_room_meet(&stack).await;
    told(began, "the members of a room meet");
    replicas::a_killed_replica_costs_its_own_connections_only(&stack).await;
    told(began, "a killed replica costs only its own connections, and no handshake");

    stack.set("HOLDLINE_REPLICAS", "2");
    stack.up_again();
    deploys::a_deploy_says_1012_to_everyone(&mut stack, "two replicas").await;
    told(began, "deploy with two replicas");
    deploys::a_reload_of_the_gateway_drops_none(&stack).await;
    told(began, "a reload of the gateway drops none");
    replicas::a_replica_that_is_added_is_used_within_seconds(&stack).await;
    told(began, "a replica that is added is used within seconds");
    replicas::a_hung_replica_delays_nobody_beyond_the_read_timeout(&stack).await;
    told(began, "a hung replica delays newcomers by the read timeout at most");
    replicas::a_replica_whose_worker_hangs_ends_itself(&stack).await;
    told(began, "the watchdog ends a replica whose worker hangs");

    second::a_second_stack_does_not_collide(&stack).await;
    told(began, "a second stack does not collide");
    second::a_spelling_that_the_two_read_differently_is_refused();
    told(began, "a bad spelling is refused before anything starts");
    deploys::down_ends_within_its_grace(stack).await;
    told(began, "down within its grace");
}

fn told(began: Instant, promise: &str) {
    println!("{:6.1} s  ok: {promise}", began.elapsed().as_secs_f64());
}
