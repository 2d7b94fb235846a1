//! Promise 9: rooms across two workers, thousands of joins, leaves and publishes, and every
//! delivery accounted for: heard once by everyone who was there, by nobody else, in order.

use std::collections::HashMap;

use tokio::task::JoinSet;

use crate::harness::peer::Dial;
use crate::harness::{Event, Peer, Stage, heavy};

/// Rooms that live at the same time.
const ROOMS: usize = 12;
/// What happens in each: a join, a leave or a burst of publishes.
const TURNS: usize = 700;

/// What one room has seen.
#[derive(Debug, Default)]
struct Account {
    joins: usize,
    leaves: usize,
    published: usize,
    delivered: usize,
}

#[tokio::test]
async fn every_delivery_to_rooms_across_two_workers_is_accounted_for() {
    let _turn = heavy().await;
    // Whoever leaves hears nothing but its goodbye, however long it has stayed.
    let stage = Stage::backend().workers(2).ping_interval("off").start().await;
    let mut rooms = JoinSet::new();
    for room in 0..ROOMS {
        rooms.spawn(conduct(stage.address(), format!("/ws/rooms/room-{room}")));
    }
    let mut sum = Account::default();
    for room in rooms.join_all().await {
        sum.joins += room.joins;
        sum.leaves += room.leaves;
        sum.published += room.published;
        sum.delivered += room.delivered;
    }
    assert!(sum.joins > 2000 && sum.published > 5000 && sum.delivered > 50_000, "{sum:?}");
    assert_eq!(stage.all_ended().await.len(), sum.joins);
    // Three books, one sum: what the peers heard, what the node counted, what its log says.
    let (published, delivered) = (sum.published as f64, sum.delivered as f64);
    assert_eq!(stage.count("holdline_messages_total", "direction", "in").await, published);
    assert_eq!(stage.count("holdline_messages_total", "direction", "out").await, delivered);
    let logged = |key| stage.ends().iter().map(|end| end.number(key)).sum::<f64>();
    assert_eq!((logged("in"), logged("out")), (published, delivered));
    assert_eq!(stage.gauge("holdline_rooms").await, 0.0);
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, sum.joins as f64);
    assert_eq!(sum.joins, sum.leaves);
}

/// One room from its first join to its last leave, turn by turn; the rooms race each other.
async fn conduct(address: std::net::SocketAddr, target: String) -> Account {
    let (mut account, mut members) = (Account::default(), Vec::<Peer>::new());
    for turn in 0..TURNS {
        match fastrand::u8(0..10) {
            0..4 if members.len() < 12 => {
                members.push(Dial::new(address, &target).open().await);
                account.joins += 1;
            }
            4..7 if members.len() > 2 => {
                leave(members.swap_remove(fastrand::usize(..members.len()))).await;
                account.leaves += 1;
            }
            _ if !members.is_empty() => {
                let said = burst(&members, turn).await;
                account.published += said;
                for member in &mut members {
                    hears_all(member, turn, said).await;
                    account.delivered += said;
                }
            }
            _ => {}
        }
    }
    for member in members.drain(..) {
        leave(member).await;
        account.leaves += 1;
    }
    account
}

/// Up to four members say three things each, all at once: (who, turn, which).
async fn burst(members: &[Peer], turn: usize) -> usize {
    let speakers = members.len().min(4);
    for which in 0..3 {
        for (who, speaker) in members.iter().take(speakers).enumerate() {
            speaker.text(&format!("{who} {turn} {which}")).await;
        }
    }
    3 * speakers
}

/// Each message of this turn once, each speaker's in the order they were said.
async fn hears_all(member: &mut Peer, turn: usize, said: usize) {
    let mut next = HashMap::new();
    for _ in 0..said {
        let Event::Text(text) = member.message().await else { panic!("text was said") };
        let words: Vec<usize> =
            text.split(' ').map(|word| word.parse().expect("a number")).collect();
        let &[who, of, which] = &words[..] else { panic!("three numbers, not {text}") };
        assert_eq!(of, turn, "{} heard {text} in turn {turn}", member.request);
        let due = next.entry(who).or_insert(0);
        assert_eq!(which, *due, "{} heard {text} out of order or twice", member.request);
        *due += 1;
    }
}

/// Says goodbye; nothing may be left unheard.
async fn leave(mut member: Peer) {
    member.close(1000, "").await;
    match member.heard().await.1 {
        Event::Close(Some(1000), _) => {}
        other => panic!("{} leaves and hears {other:?}", member.request),
    }
    assert_eq!(member.ended_after_close().await, crate::harness::Tcp::Fin);
}

/// Here joins, leaves and publishes meet in the middle of each other: whoever stays hears every
/// message once and in order, whoever comes hears a run without gaps from some message on, whoever
/// goes a run without gaps up to some message.
#[tokio::test]
async fn who_stays_misses_nothing_while_others_come_and_go() {
    let _turn = heavy().await;
    const SAID: usize = 3000;
    let stage = Stage::backend().workers(2).start().await;
    let mut stayers = stage.connect_many("/ws/rooms/square", 8).await;
    let address = stage.address();
    let guests = tokio::spawn(async move {
        let mut counts = Vec::new();
        for _ in 0..250 {
            let mut guest = Dial::new(address, "/ws/rooms/square").open().await;
            let first = number(&guest.message().await);
            let mut last = first;
            for _ in 0..fastrand::usize(..20) {
                last = successor(last, &guest.message().await);
            }
            counts.push(last - first);
        }
        counts
    });
    for count in 0..SAID {
        stayers[0].text(&count.to_string()).await;
        // The speaker waits for itself now and then: this is no flood.
        if count % 50 == 49 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    for stayer in &mut stayers {
        for due in 0..SAID {
            assert_eq!(number(&stayer.message().await), due, "{} missed one", stayer.request);
        }
    }
    // Those who came after the last word wait for one: give it until they are through.
    let mut count = SAID;
    while !guests.is_finished() {
        stayers[0].text(&count.to_string()).await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        count += 1;
    }
    assert_eq!(guests.await.expect("no guest saw a gap").len(), 250);
}

fn number(message: &Event) -> usize {
    match message {
        Event::Text(text) => text.parse().expect("a number"),
        other => panic!("{other:?}"),
    }
}

fn successor(last: usize, message: &Event) -> usize {
    let next = number(message);
    assert_eq!(next, last + 1, "a gap or a double");
    next
}
