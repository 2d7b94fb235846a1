//! What the hub promises, with two shards on one thread.
//! Leaves to `tests/e2e`: real threads and real peers.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
};

use actix_web::body::MessageBody;

use super::*;
use crate::{
    caller::Caller,
    config::CompressionMode,
    deflate::WindowBits,
    disconnect::Close,
    frame,
    message::Message,
    outbox::{Outbox, OutboxBody, Stage},
    route::Route,
};

/// Two shards of one hub; on one thread, so that a test sees both.
struct House {
    hub: Arc<Hub>,
    shards: [Rc<Shard>; 2],
}

impl House {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.server.workers = 2;
        change(&mut config);
        let hub = Hub::new(&config, &Metrics::new());
        let shards = [Shard::attach(&hub), Shard::attach(&hub)];
        Self { hub, shards }
    }

    fn join(&self, shard: usize, room: &str) -> Result<Seat, Refused> {
        join(&self.shards[shard], Route::Room(room.parse().unwrap()))
    }
}

fn join(shard: &Rc<Shard>, route: Route) -> Result<Seat, Refused> {
    join_with(shard, route, None)
}

fn join_with(shard: &Rc<Shard>, route: Route, window: Option<WindowBits>) -> Result<Seat, Refused> {
    let place = shard.reserve([192, 0, 2, 1].into())?;
    let (id, request, peer) = (place.id(), "-".to_owned(), [192, 0, 2, 1].into());
    let caller = Caller { id, request, route, peer, user: None, subprotocol: None };
    place.join(Arc::new(caller), window)
}

fn room(name: &str) -> Room {
    name.parse().unwrap()
}

fn text(words: &str) -> Bytes {
    frame::message(&Message::Text(words.into()))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never: {what}");
}

fn queued(outbox: &Outbox) -> usize {
    outbox.bytes()
}

#[actix_rt::test]
async fn a_publication_reaches_every_member_on_every_shard_and_nobody_else() {
    let house = House::new(|_| ());
    let here = house.join(0, "lobby").unwrap();
    let there = house.join(1, "lobby").unwrap();
    let elsewhere = house.join(1, "kitchen").unwrap();
    house.shards[0].publish(&room("lobby"), &text("hello")).unwrap();
    assert_eq!(queued(&here.outbox), 7);
    until("the other shard delivers", || queued(&there.outbox) == 7).await;
    assert_eq!(queued(&elsewhere.outbox), 0);
    assert_eq!(house.hub.outbox_bytes(), 14, "shared within a shard, counted once in each");
}

#[actix_rt::test]
async fn a_publication_from_outside_finds_the_room_and_an_unknown_room_is_no_error() {
    let house = House::new(|_| ());
    let seat = house.join(1, "lobby").unwrap();
    house.hub.publish(&room("lobby"), &text("hello")).unwrap();
    house.shards[0].publish(&room("lobby"), &text("again")).unwrap();
    house.hub.publish(&room("nowhere"), &text("hello")).unwrap();
    until("both are queued", || queued(&seat.outbox) == 14).await;
}

#[actix_rt::test]
async fn a_full_mailbox_refuses_the_whole_publication() {
    let house = House::new(|config| config.limits.mailbox_bytes_max = 300);
    let here = house.join(0, "lobby").unwrap();
    let there = house.join(1, "lobby").unwrap();
    let publish = || house.shards[0].publish(&room("lobby"), &text("hello"));
    assert_eq!(publish(), Ok(()));
    assert_eq!(publish(), Err(Busy), "the first is not carried out yet");
    assert_eq!(queued(&here.outbox), 7, "not even the own shard got it");
    until("the mailbox is emptied", || publish().is_ok()).await;
    until("nothing is lost", || queued(&there.outbox) == 14).await;
    assert_eq!(queued(&here.outbox), 14);
}

#[actix_rt::test]
async fn rooms_exist_while_they_have_members() {
    let house = House::new(|config| config.limits.rooms_max = 2);
    let seats = [house.join(0, "a").unwrap(), house.join(1, "a").unwrap()];
    let other = house.join(1, "b").unwrap();
    assert_eq!(house.hub.rooms(), 2);
    assert!(matches!(house.join(0, "c"), Err(Refused::RoomsFull)));
    assert_eq!(house.hub.connections(), 3, "a refused join leaves nothing behind");
    drop(seats);
    assert_eq!(house.hub.rooms(), 1);
    assert!(house.join(0, "c").is_ok());
    drop(other);
    assert_eq!((house.hub.rooms(), house.hub.connections()), (0, 0));
}

#[actix_rt::test]
async fn a_drain_ends_everybody_and_lets_nobody_in() {
    const WINDOW: Duration = Duration::from_millis(100);
    for _ in 0..5 {
        let house = House::new(|_| ());
        let seats: Vec<_> = (0..50).map(|i| house.join(i % 2, "lobby").unwrap()).collect();
        let began = Instant::now();
        house.hub.drain(WINDOW);
        assert!(matches!(house.join(0, "lobby"), Err(Refused::Draining)));
        let drained = |seat: &Seat| *seat.outbox.why() == Some(Disconnect::Drain);
        until("the first slot has come", || seats.iter().any(drained)).await;
        let (all, looked) = (seats.iter().all(drained), began.elapsed());
        until("everybody is told", || seats.iter().all(drained)).await;
        // Who looks when the last slot has come, because all stood still, sees nothing of the window.
        if looked < WINDOW * 24 / 25 {
            return assert!(!all, "the window spreads the ends");
        }
    }
    panic!("the first of fifty slots is five times as late as the last");
}

#[actix_rt::test]
async fn one_connection_can_be_ended_from_anywhere() {
    let house = House::new(|_| ());
    let seats = [house.join(1, "lobby").unwrap(), house.join(1, "lobby").unwrap()];
    house.hub.end(seats[0].id(), Disconnect::Kicked(Close::new(4001, "out"))).unwrap();
    until("it is ended", || seats[0].outbox.stage() == Stage::Closing).await;
    assert_eq!(seats[1].outbox.stage(), Stage::Open);
}

#[actix_rt::test]
async fn when_all_outboxes_together_hold_too_much_whoever_is_furthest_behind_goes() {
    let house = House::new(|config| config.limits.outbox_bytes_total = 2 * 100);
    let slow = house.join(0, "lobby").unwrap();
    let healthy = house.join(0, "lobby").unwrap();
    let publish = |len| {
        let message = Message::Binary(vec![0; len].into());
        house.shards[0].publish(&room("lobby"), &frame::message(&message)).unwrap();
    };
    publish(58);
    let mut body = OutboxBody::new(Rc::clone(&healthy.outbox));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut body).poll_next(&mut cx).is_ready());
    publish(58);
    assert_eq!(*slow.outbox.why(), Some(Disconnect::Slow));
    assert_eq!((healthy.outbox.stage(), queued(&healthy.outbox)), (Stage::Open, 60));
}

#[actix_rt::test]
async fn all_outboxes_together_hold_their_total_to_the_byte() {
    let house = House::new(|config| config.limits.outbox_bytes_total = 2 * 100);
    let seats = [house.join(0, "lobby").unwrap(), house.join(0, "lobby").unwrap()];
    let publish = |len| {
        let message = Message::Binary(vec![0; len].into());
        house.shards[0].publish(&room("lobby"), &frame::message(&message)).unwrap();
    };
    // Each with a header of two bytes, and counted once for both.
    publish(58);
    publish(38);
    assert!(seats.iter().all(|seat| queued(&seat.outbox) == 100));
    publish(0);
    let gone = seats.iter().filter(|seat| *seat.outbox.why() == Some(Disconnect::Slow)).count();
    assert!(gone > 0, "two bytes more than the total");
}

#[actix_rt::test]
async fn shedding_comes_to_an_end_also_when_who_is_furthest_behind_is_ending_already() {
    let house = House::new(|config| config.limits.outbox_bytes_total = 2 * 100);
    let ending = house.join(0, "lobby").unwrap();
    let publish = |len| {
        let message = Message::Binary(vec![0; len].into());
        house.shards[0].publish(&room("lobby"), &frame::message(&message)).unwrap();
    };
    publish(58);
    ending.outbox.end(Disconnect::ProtocolError, Instant::now());
    assert_eq!(queued(&ending.outbox), 60, "what is queued goes first");
    let healthy = house.join(0, "lobby").unwrap();
    publish(58);
    assert_eq!((queued(&ending.outbox), queued(&healthy.outbox)), (0, 60));
    assert_eq!(*ending.outbox.why(), Some(Disconnect::ProtocolError));
}

#[actix_rt::test]
async fn a_peer_that_takes_what_it_is_offered_is_not_slow_however_many_letters_waited() {
    const LETTERS: usize = 5000;
    let house = House::new(|_| ());
    let seat = house.join(1, "lobby").unwrap();
    // Whoever carries them out has stood still: none has left when the last one comes.
    for _ in 0..LETTERS {
        house.hub.publish(&room("lobby"), &text("hello")).unwrap();
    }
    let mut body = OutboxBody::new(Rc::clone(&seat.outbox));
    let taken = Rc::new(Cell::new(0));
    let taking = Rc::clone(&taken);
    actix_rt::spawn(async move {
        while let Some(Ok(bytes)) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
            taking.set(taking.get() + bytes.len());
        }
    });
    until("it has taken all", || taken.get() == LETTERS * 7 || seat.outbox.why().is_some()).await;
    assert_eq!((taken.get(), seat.outbox.why().clone()), (LETTERS * 7, None));
}

#[actix_rt::test]
async fn who_joins_while_a_letter_waits_does_not_hear_what_was_said_before() {
    let house = House::new(|_| ());
    let early = house.join(1, "lobby").unwrap();
    house.hub.publish(&room("lobby"), &text("before")).unwrap();
    let late = house.join(1, "lobby").unwrap();
    house.hub.publish(&room("lobby"), &text("after")).unwrap();
    until("both letters are carried out", || queued(&early.outbox) == 15).await;
    assert_eq!(queued(&late.outbox), 7);
}

#[actix_rt::test]
async fn empty_messages_fill_a_mailbox_too() {
    let house = House::new(|config| config.limits.mailbox_bytes_max = 1000);
    let _seat = house.join(1, "lobby").unwrap();
    let publish = || house.hub.publish(&room("lobby"), &text(""));
    assert_eq!((0..4).map(|_| publish()).collect::<Vec<_>>(), [Ok(()), Ok(()), Ok(()), Err(Busy)]);
}

#[actix_rt::test]
async fn a_detached_shard_leaves_its_place_to_the_next() {
    let house = House::new(|_| ());
    let [first, second] = house.shards;
    drop(first);
    let third = Shard::attach(&house.hub);
    let seat = join(&third, Route::Echo).unwrap();
    assert_eq!(seat.id().shard(), 0);
    drop(second);
}

#[actix_rt::test]
async fn who_agreed_to_it_gets_a_large_message_deflated_once_for_all_and_the_others_as_it_is() {
    let house = House::new(|config| config.compression.mode = CompressionMode::Shared);
    let lobby = || Route::Room(room("lobby"));
    let plain = join(&house.shards[0], lobby()).unwrap();
    let bits = |bits| WindowBits::new(bits);
    let deflated = [15, 15, 9].map(|it| join_with(&house.shards[0], lobby(), bits(it)).unwrap());
    let elsewhere = join_with(&house.shards[1], lobby(), bits(15)).unwrap();
    let large = text(&"all the same ".repeat(100));
    house.shards[0].publish(&room("lobby"), &large).unwrap();
    assert_eq!(queued(&plain.outbox), large.len());
    let sizes = deflated.each_ref().map(|seat| queued(&seat.outbox));
    assert!(sizes[0] < 100 && sizes[1] == sizes[0] && sizes[2] < 200, "{sizes:?}");
    until("the other shard delivers", || queued(&elsewhere.outbox) == sizes[0]).await;
    // Each form is charged once on each shard, whoever shares it.
    let charged = large.len() + 2 * sizes[0] + sizes[2];
    assert_eq!(house.hub.outbox_bytes(), charged);
    let first = deflated[0].outbox.pop_for_test();
    assert_eq!(first[0], 0xc1, "a final text frame, marked as deflated");
    assert_eq!(first.as_ptr(), deflated[1].outbox.pop_for_test().as_ptr(), "the same bytes");
    assert_eq!(plain.outbox.pop_for_test(), large);
}

#[actix_rt::test]
async fn a_message_below_the_size_goes_out_as_it_is_and_nothing_is_deflated_where_it_is_off() {
    for (mode, letters, smaller) in [
        (CompressionMode::Shared, 255, false),
        (CompressionMode::Shared, 256, true),
        (CompressionMode::Off, 256, false),
    ] {
        let house = House::new(|config| config.compression.mode = mode);
        let seat = join_with(&house.shards[0], Route::Echo, Some(WindowBits::MAX)).unwrap();
        let large = text(&"x".repeat(letters));
        house.shards[0].send(&seat.outbox, large.clone(), Instant::now());
        assert_eq!(queued(&seat.outbox) < large.len(), smaller, "{mode:?} {letters}");
    }
}
