//! What a node tells and counts, with two workers' shards on one thread.
//! Leaves to `tests/e2e`: real threads, real peers, and HTTP.

use std::{
    rc::Rc,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    caller::Caller,
    hub::{Seat, Shard},
    outbox::Stage,
    route::Route,
};

struct House {
    node: Node,
    shards: [Rc<Shard>; 2],
}

impl House {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.server.workers = 2;
        change(&mut config);
        let node = Node::new(config).expect("no callback");
        let shards = [Shard::attach(node.hub()), Shard::attach(node.hub())];
        Self { node, shards }
    }

    fn join(&self, shard: usize, route: Route) -> Seat {
        join(&self.shards[shard], route)
    }

    fn lobby(&self, shard: usize) -> Seat {
        self.join(shard, Route::Room(room("lobby")))
    }

    async fn ids(&self, room: Option<&Room>, limit: usize) -> Vec<ConnectionId> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = self.node.list_connections(room, after, limit).await.unwrap();
            assert!(page.items.len() == limit || page.next.is_none(), "a short page is the last");
            assert!(ids.len() < 1000, "it never ends");
            ids.extend(page.items.iter().map(|connection| connection.caller.id));
            match page.next {
                Some(next) => after = Some(next),
                None => return ids,
            }
        }
    }
}

fn join(shard: &Rc<Shard>, route: Route) -> Seat {
    let place = shard.reserve([192, 0, 2, 1].into()).unwrap();
    let (id, request, peer) = (place.id(), "-".to_owned(), [192, 0, 2, 1].into());
    let caller = Caller { id, request, route, peer, user: None, subprotocol: None };
    place.join(Arc::new(caller), None).unwrap()
}

fn room(name: &str) -> Room {
    name.parse().unwrap()
}

fn to(name: &str) -> To {
    To::Room(room(name))
}

fn sorted(seats: &[Seat]) -> Vec<ConnectionId> {
    let mut ids: Vec<_> = seats.iter().map(Seat::id).collect();
    ids.sort();
    ids
}

#[actix_rt::test]
async fn each_delivery_to_a_room_to_everyone_and_to_one_is_counted_once() {
    let house = House::new(|_| ());
    let seats = [house.lobby(0), house.lobby(1), house.lobby(1), house.join(1, Route::Echo)];
    let hello = "hello".into();
    assert_eq!(house.node.deliver(&to("lobby"), &hello).await, Ok(3));
    assert_eq!(house.node.deliver(&To::Everyone, &hello).await, Ok(4));
    assert_eq!(house.node.deliver(&To::Connection(seats[1].id()), &hello).await, Ok(1));
    assert_eq!(house.node.deliver(&to("nowhere"), &hello).await, Ok(0));
    assert_eq!(seats.each_ref().map(|seat| seat.outbox.bytes() / 7), [2, 3, 2, 1]);
}

#[actix_rt::test]
async fn an_outbox_that_takes_nothing_is_not_counted() {
    let house = House::new(|config| config.limits.outbox_frames_max = 1);
    let (full, ending, other) = (house.lobby(0), house.lobby(1), house.lobby(1));
    house.node.deliver(&To::Connection(full.id()), &"first".into()).await.unwrap();
    ending.outbox.end(Disconnect::Drain, Instant::now());
    assert_eq!(house.node.deliver(&to("lobby"), &"second".into()).await, Ok(1));
    assert_eq!(house.node.deliver(&To::Connection(ending.id()), &"third".into()).await, Ok(0));
    assert_eq!((full.outbox.stage(), other.outbox.stage()), (Stage::Closing, Stage::Open));
}

#[actix_rt::test]
async fn who_joins_while_a_message_is_on_its_way_does_not_hear_it() {
    let house = House::new(|_| ());
    let _early = house.lobby(1);
    let asked = house.node.hub().deliver_to_everyone(&frame::message(&"before".into())).unwrap();
    let late = house.lobby(1);
    let told = asked.within(house.node.config().server.stall_timeout).await.unwrap();
    assert_eq!((told.into_iter().sum::<usize>(), late.outbox.bytes()), (1, 0));
}

#[actix_rt::test]
async fn a_full_queue_refuses_a_message_for_all_and_is_no_trouble_within_one_batch() {
    let house = House::new(|config| config.limits.mailbox_bytes_max = 300);
    let seats = [house.lobby(0), house.lobby(1)];
    let batch = (0..5).map(|count| (To::Everyone, count.to_string().into()));
    assert_eq!(house.node.deliver_all(batch).await, [Ok(2); 5]);
    assert_eq!(seats.each_ref().map(|seat| seat.outbox.bytes()), [15, 15]);
    // Somebody else's letter for the second worker.
    house.node.end("0000000100000000".parse().unwrap(), Close::new(1000, "")).unwrap();
    let batch = [(To::Everyone, "x".into()), (To::Connection(seats[0].id()), "y".into())];
    assert_eq!(house.node.deliver_all(batch).await, [Err(Failure::Busy), Ok(1)]);
    assert_eq!(seats.each_ref().map(|seat| seat.outbox.bytes()), [18, 15], "nobody got the first");
}

/// A worker of its own, stalled from its first moment until the barrier is passed.
fn stalled_worker(node: &Node) -> (Arc<Barrier>, thread::JoinHandle<usize>) {
    let (node, barrier) = (node.clone(), Arc::new(Barrier::new(2)));
    let (attached, released) = (Arc::clone(&barrier), Arc::clone(&barrier));
    let worker = thread::spawn(move || {
        actix_rt::System::new().block_on(async {
            let shard = Shard::attach(node.hub());
            let seat = join(&shard, Route::Room(room("lobby")));
            attached.wait();
            released.wait();
            while seat.outbox.bytes() == 0 {
                tokio::task::yield_now().await;
            }
            seat.outbox.bytes()
        })
    });
    barrier.wait();
    (barrier, worker)
}

#[actix_rt::test]
async fn a_stalled_worker_is_waited_for_once_and_what_it_was_asked_for_is_done_later() {
    let mut config = Config::default();
    config.server.stall_timeout = Duration::from_secs(1);
    let node = Node::new(config).expect("no callback");
    let shard = Shard::attach(node.hub());
    let (release, worker) = stalled_worker(&node);
    let here = join(&shard, Route::Room(room("lobby")));
    let began = Instant::now();
    assert_eq!(node.list_connections(None, None, 5).await, Err(Failure::Late));
    assert_eq!(node.room(&room("lobby")).await, Err(Failure::Late));
    assert_eq!(node.connection(here.id()).await.map(|told| told.rooms.len()), Ok(1));
    assert!(began.elapsed() >= Duration::from_secs(2), "it is given time");
    let batch = (0..100).map(|_| (to("lobby"), "late".into()));
    // A hundred times the timeout would be 100 s.
    let told = actix_rt::time::timeout(Duration::from_secs(50), node.deliver_all(batch)).await;
    assert_eq!(told.expect("one wait for all"), [Err(Failure::Late); 100]);
    assert_eq!(here.outbox.bytes(), 600);
    release.wait();
    assert!(worker.join().unwrap() > 0, "it arrives all the same");
}

#[actix_rt::test]
async fn a_connection_is_told_with_what_it_is_doing() {
    let house = House::new(|_| ());
    let seat = house.join(1, Route::Room(room("lobby")));
    seat.join(&room("kitchen")).unwrap();
    seat.entry.activity.message(11);
    seat.entry.activity.round_trip(Duration::from_millis(3));
    house.node.deliver(&To::Everyone, &"hello".into()).await.unwrap();
    let told = house.node.connection(seat.id()).await.unwrap();
    assert_eq!(told.caller, seat.entry.caller);
    assert_eq!(told.rooms, [room("lobby"), room("kitchen")]);
    assert_eq!((told.messages_in, told.bytes_in, told.messages_out), (1, 11, 0));
    assert_eq!((told.outbox_bytes, told.ending), (7, None));
    assert_eq!(told.round_trip, Some(Duration::from_millis(3)));
    let stranger = "0123456789abcdef".parse().unwrap();
    assert_eq!(house.node.connection(stranger).await, Err(Failure::NoConnection));
}

#[actix_rt::test]
async fn pages_tell_everyone_once_in_the_order_of_ids_though_others_leave() {
    let house = House::new(|_| ());
    let mut seats: Vec<_> = (0..23).map(|count| house.lobby(count % 2)).collect();
    let others = [house.join(0, Route::Echo), house.join(1, Route::Echo)];
    let (lobby, node) = (room("lobby"), &house.node);
    for limit in [1, 2, 22, 23, 24] {
        assert_eq!(house.ids(Some(&lobby), limit).await, sorted(&seats), "{limit}");
    }
    assert_eq!(house.ids(None, 5).await.len(), 25);
    assert_eq!(house.ids(Some(&room("nowhere")), 5).await, []);
    let first = node.list_connections(Some(&lobby), None, 5).await.unwrap();
    // Those told and the one that the next page begins behind.
    seats.retain(|seat| first.items.iter().all(|told| told.caller.id != seat.id()));
    let rest = node.list_connections(Some(&lobby), first.next, 100).await.unwrap();
    let rest: Vec<_> = rest.items.iter().map(|connection| connection.caller.id).collect();
    assert_eq!(rest, sorted(&seats));
    let foreign = ConnectionId::new(!others[0].id().node(), 0, 0);
    let stale = node.list_connections(None, Some(foreign), 5).await;
    assert_eq!(stale, Err(Failure::Stale));
}

#[actix_rt::test]
async fn rooms_are_told_by_name_with_the_members_of_all_workers() {
    let house = House::new(|_| ());
    let seats: Vec<_> = (0..10)
        .map(|count| house.join(count % 2, Route::Room(room(["c", "a", "b"][count % 3]))))
        .collect();
    let first = house.node.list_rooms(None, 2).await.unwrap();
    let told = first.items.iter().map(|room| (room.name.as_str(), room.members));
    assert_eq!(told.collect::<Vec<_>>(), [("a", 3), ("b", 3)]);
    assert_eq!(first.next, Some(room("b")));
    let last = house.node.list_rooms(first.next.as_ref(), 2).await.unwrap();
    assert_eq!(last, Page { items: vec![RoomView { name: room("c"), members: 4 }], next: None });
    assert_eq!(house.node.room(&room("c")).await.unwrap().members, 4);
    drop(seats);
    assert_eq!(house.node.room(&room("c")).await, Err(Failure::NoRoom));
}

#[actix_rt::test]
async fn a_kick_ends_one_connection_and_tells_whether_it_was_there() {
    let house = House::new(|_| ());
    let seats = [house.lobby(1), house.lobby(1)];
    let close = Close::new(4001, "out");
    assert_eq!(house.node.kick(seats[0].id(), close.clone()).await, Ok(()));
    assert_eq!(*seats[0].outbox.why(), Some(Disconnect::Kicked(close.clone())));
    assert_eq!(seats[1].outbox.stage(), Stage::Open);
    assert_eq!(house.node.kick(seats[0].id(), Close::new(4002, "")).await, Ok(()));
    assert_eq!(*seats[0].outbox.why(), Some(Disconnect::Kicked(close.clone())), "the first wins");
    let stranger = "0123456789abcdef".parse().unwrap();
    assert_eq!(house.node.kick(stranger, close).await, Err(Failure::NoConnection));
}

#[actix_rt::test]
async fn a_drain_is_asked_for_once_and_shuts_the_door_at_once() {
    let house = House::new(|_| ());
    assert!(house.node.is_ready());
    house.node.drain();
    house.node.drain();
    assert!(!house.node.is_ready());
    house.node.drain_asked().await;
}

#[actix_rt::test]
async fn a_page_may_be_as_long_as_the_list() {
    let house = House::new(|_| ());
    let _seats = [house.lobby(0), house.lobby(1)];
    assert_eq!(house.ids(None, usize::MAX).await.len(), 2);
    assert_eq!(house.node.list_rooms(None, usize::MAX).await.unwrap().items.len(), 1);
}
