//! Which connections are opened, and when it is enough.
//! Leaves to `findings/tests.rs`: what ends mean.

use super::*;
use crate::{
    dial::End,
    probe::record::{Fate, Sight},
};

const S: Duration = Duration::from_secs(1);

fn plan(max: Duration) -> Plan {
    Plan { max, precision: S, send: None }
}

fn record(habit: Habit, age: Duration, fate: Fate) -> Record {
    let mut record = Record::new(habit.clone());
    if let Habit::Pinging(_) = habit {
        record.saw(Sight::Trip(S / 100));
    }
    let spoke = matches!(fate, Fate::Answered | Fate::NoAnswer(_));
    match fate {
        Fate::Open => (record.fate, record.age) = (Fate::Open, age),
        fate => record.saw(Sight::Over { fate, age, silence: age, spoke }),
    }
    record
}

fn sounding(silence: Duration, fate: Fate) -> Record {
    record(Habit::Sounding(silence), silence, fate)
}

/// A path that cuts after a minute, as it looks right then.
fn cut_after_a_minute() -> Vec<Record> {
    vec![
        record(Habit::Passive, 60 * S, Fate::Ended(End::Fin)),
        record(Habit::Silent, 60 * S, Fate::Ended(End::Fin)),
        record(Habit::Pinging(S), 60 * S, Fate::Open),
        sounding(55 * S, Fate::Answered),
    ]
}

fn narrow(plan: &Plan, records: &[Record], tried: usize, elapsed: Duration) -> Narrowing {
    plan.narrow(records, &Findings::of(records), tried, elapsed)
}

#[test]
fn a_probe_opens_at_most_24_connections_at_once_and_none_that_sends_unless_asked() {
    let mut plan = plan(360 * S);
    let talks = |plan: &Plan| {
        let openings = plan.openings();
        // Before a hole is narrowed, one sounding was answered and one was not.
        assert!(openings.len() + 1 - 2 + ABREAST as usize <= 24, "{}", openings.len());
        assert!(openings.is_sorted_by_key(|(after, _)| *after));
        openings.iter().filter(|(_, habit)| matches!(habit, Habit::Talking(..))).count()
    };
    assert_eq!(talks(&plan), 0);
    plan.send = Some(("hello".into(), S));
    assert_eq!(talks(&plan), 1);
}

#[test]
fn no_sounding_is_longer_than_the_probe() {
    for (_, habit) in plan(30 * S).openings() {
        assert!(!matches!(habit, Habit::Sounding(rung) if rung >= 30 * S), "{habit:?}");
    }
}

#[test]
fn those_of_one_habit_are_opened_apart() {
    let openings = plan(30 * S).openings();
    let pinging: Vec<_> =
        openings.iter().filter(|(_, habit)| matches!(habit, Habit::Pinging(_))).collect();
    assert!(pinging.len() == 2 && pinging[1].0 - pinging[0].0 > 2 * S);
}

#[test]
fn a_cut_that_was_seen_is_narrowed_by_a_silence_a_little_shorter() {
    let mut records = cut_after_a_minute();
    let plan = plan(360 * S);
    let wanted = Narrowing::Sound(vec![60 * S - S * 9 / 10]);
    assert_eq!(narrow(&plan, &records, 0, 61 * S), wanted);
    records.push(record(Habit::Sounding(59 * S + S / 10), 20 * S, Fate::Open));
    assert_eq!(narrow(&plan, &records, 1, 81 * S), Narrowing::Wait);
    records.pop();
    records.push(sounding(59 * S + S / 10, Fate::Answered));
    assert_eq!(narrow(&plan, &records, 1, 121 * S), Narrowing::Done);
}

#[test]
fn narrowing_stops_when_there_is_no_time_for_it_or_no_hope() {
    let records = cut_after_a_minute();
    assert_eq!(narrow(&plan(100 * S), &records, 0, 61 * S), Narrowing::Done);
    assert_eq!(narrow(&plan(360 * S), &records, TRIES, 61 * S), Narrowing::Done);
}

#[test]
fn a_black_hole_is_narrowed_by_several_soundings_between_the_last_good_and_the_first_bad() {
    let mut records = vec![
        record(Habit::Pinging(S), 60 * S, Fate::Open),
        sounding(8 * S, Fate::Answered),
        sounding(15 * S, Fate::NoAnswer(5 * S)),
    ];
    let steps: Vec<_> = (9..=14).map(|silence| silence * S).collect();
    assert_eq!(narrow(&plan(360 * S), &records, 0, 20 * S), Narrowing::Sound(steps));
    assert_eq!(narrow(&plan(360 * S), &records, ROUNDS, 20 * S), Narrowing::Done, "no hope");
    records.push(sounding(12 * S, Fate::Answered));
    records.push(sounding(13 * S, Fate::NoAnswer(5 * S)));
    assert_eq!(narrow(&plan(360 * S), &records, 1, 40 * S), Narrowing::Done);
}

#[test]
fn it_is_enough_when_everybody_s_fate_beyond_the_timer_is_known() {
    let plan = plan(360 * S);
    let mut records = cut_after_a_minute();
    let complete = |records: &[Record]| plan.is_complete(records, &Findings::of(records));
    assert!(!complete(&records), "the one that pings may be cut yet");
    records[2].age = 91 * S;
    assert!(complete(&records));
    records.push(record(Habit::Silent, 58 * S, Fate::Open));
    assert!(!complete(&records), "a second silent one may show another timeout");
}

#[test]
fn nothing_cut_is_never_enough_and_nobody_left_always() {
    let plan = plan(360 * S);
    let open = [record(Habit::Passive, 300 * S, Fate::Open)];
    assert!(!plan.is_complete(&open, &Findings::of(&open)));
    let over = [record(Habit::Passive, 3 * S, Fate::Ended(End::Reset))];
    assert!(plan.is_complete(&over, &Findings::of(&over)));
}
