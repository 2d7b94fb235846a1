//! What the ends of several connections mean together, on records made by hand.
//! Leaves to `tests/probe`: real gateways and servers.

use super::*;
use crate::{dial::End, probe::record::Sight};

const S: Duration = Duration::from_secs(1);

fn open(habit: Habit, opened: Duration, age: Duration) -> Record {
    Record { fate: Fate::Open, opened, age, ..Record::new(habit) }
}

fn ended(habit: Habit, opened: Duration, age: Duration, silence: Duration, end: End) -> Record {
    let mut record = open(habit, opened, age);
    record.saw(Sight::Over { fate: Fate::Ended(end), age, silence, spoke: false });
    record
}

fn pinging(opened: Duration, age: Duration) -> Record {
    let mut record = open(Habit::Pinging(S), opened, age);
    record.saw(Sight::Trip(S / 100));
    record
}

fn sounding(silence: Duration, fate: Fate) -> Record {
    let mut record = open(Habit::Sounding(silence), S / 10, silence);
    record.saw(Sight::Over { fate, age: silence, silence, spoke: true });
    record
}

/// Heartbeats at these ages.
fn heard(mut record: Record, ages: &[u64]) -> Record {
    let mut last = Duration::ZERO;
    for age in ages.iter().map(|age| Duration::from_secs(*age)) {
        record.saw(Sight::Heartbeat { age, silence: age - last, pong: false });
        last = age;
    }
    record
}

fn talking(age: Duration) -> Record {
    open(Habit::Talking("x".into(), S), S, age)
}

#[test]
fn silence_that_is_cut_alike_everywhere_is_an_idle_timeout_and_pings_reset_it() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, 60 * S, 60 * S, End::Fin),
        ended(Habit::Silent, S / 5, 60 * S + S / 10, 60 * S + S / 10, End::Fin),
        pinging(S / 5, 70 * S),
        sounding(59 * S, Fate::Answered),
        sounding(25 * S, Fate::Answered),
    ];
    let findings = Findings::of(&records);
    let idle = findings.idle.unwrap();
    assert_eq!((idle.timeout, idle.at_least), (60 * S, 59 * S));
    assert_eq!((idle.at_most, idle.seen), (60 * S + S / 10, 2));
    assert_eq!(idle.cut, Cut::Fin);
    assert_eq!(findings.reset_by, Some(ResetBy::Pings));
    assert!(findings.passive_cut && findings.age.is_none() && findings.together.is_none());
    assert_eq!(findings.survived, 59 * S);
}

#[test]
fn whether_pings_reset_it_is_known_only_once_one_has_lived_on() {
    let records =
        [ended(Habit::Passive, Duration::ZERO, 60 * S, 60 * S, End::Fin), pinging(S / 5, 60 * S)];
    assert_eq!(Findings::of(&records).reset_by, None);
}

#[test]
fn where_only_who_talks_lives_on_only_data_counts() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, 60 * S, 60 * S, End::Fin),
        ended(Habit::Pinging(S), S, 60 * S, S / 2, End::Fin),
        ended(Habit::Pinging(S), 4 * S, 60 * S, S / 2, End::Fin),
        talking(70 * S),
    ];
    let findings = Findings::of(&records);
    assert_eq!(findings.reset_by, Some(ResetBy::Data));
    assert_eq!(findings.idle.unwrap().timeout, 60 * S);
    assert_eq!(findings.age, None);
}

#[test]
fn an_age_at_which_everybody_ends_is_no_idle_timeout() {
    let close = || End::ClosedByServer(1001, "old".to_owned());
    let records = [
        ended(Habit::Passive, Duration::ZERO, 30 * S, 30 * S, close()),
        ended(Habit::Pinging(S), S, 30 * S, S / 2, close()),
        ended(Habit::Pinging(S), 4 * S, 30 * S, S / 2, close()),
        ended(Habit::Talking("x".into(), S), S, 30 * S, S / 2, close()),
    ];
    let findings = Findings::of(&records);
    assert_eq!(findings.age, Some((30 * S, Cut::CloseFrame(1001, "old".to_owned()))));
    assert_eq!((findings.idle, findings.together), (None, None));
}

#[test]
fn an_age_and_a_shorter_idle_timeout_are_both_seen() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, 10 * S, 10 * S, End::Fin),
        ended(Habit::Pinging(S), S, 30 * S, S / 2, End::Reset),
        ended(Habit::Pinging(S), 4 * S, 30 * S, S / 2, End::Reset),
    ];
    let findings = Findings::of(&records);
    assert_eq!(findings.age, Some((30 * S, Cut::Reset)));
    assert_eq!(findings.idle.unwrap().timeout, 10 * S);
    assert_eq!(findings.reset_by, Some(ResetBy::Pings));
}

#[test]
fn one_moment_at_which_all_end_is_no_timer() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, 20 * S, 20 * S, End::Reset),
        ended(Habit::Pinging(S), S / 5, 20 * S - S / 5, S / 2, End::Reset),
        ended(Habit::Pinging(S), 3 * S, 17 * S, S / 2, End::Reset),
    ];
    let findings = Findings::of(&records);
    assert_eq!(findings.together, Some(20 * S));
    assert_eq!((findings.idle, findings.age), (None, None));
}

#[test]
fn those_that_ping_may_end_side_by_side_where_silence_was_cut_before() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, S, S, End::Fin),
        ended(Habit::Silent, S / 10, S, S, End::Fin),
        ended(Habit::Pinging(S), S / 5, 3 * S, S, End::Fin),
        ended(Habit::Pinging(S), 5 * S / 2, S * 8 / 10, S * 8 / 10, End::Fin),
        ended(Habit::Silent, 5 * S / 2, S, S, End::Fin),
    ];
    let findings = Findings::of(&records);
    assert_eq!((findings.together, findings.idle.map(|idle| idle.timeout)), (None, Some(S)));
}

#[test]
fn who_answers_no_ping_is_ended_for_that_and_not_for_silence() {
    let close = End::ClosedByServer(1011, "no pong".to_owned());
    let records = [
        heard(open(Habit::Passive, Duration::ZERO, 60 * S), &[20, 40, 60]),
        heard(ended(Habit::Silent, S, 30 * S, 10 * S, close), &[20]),
        heard(pinging(S, 59 * S), &[20, 40]),
    ];
    let findings = Findings::of(&records);
    assert_eq!(findings.idle, None);
    assert_eq!(findings.unanswered, Some((10 * S, Cut::CloseFrame(1011, "no pong".to_owned()))));
    assert_eq!((findings.pings, findings.period), (3, Some(20 * S)));
    assert_eq!((findings.first_ping, findings.passive_cut), (Some(20 * S), false));
}

#[test]
fn pings_that_come_too_late_do_not_hide_the_timer() {
    // At the third ping the path had lost patience; with and without an answer to them.
    let records = [
        heard(ended(Habit::Passive, Duration::ZERO, 25 * S, 5 * S, End::Fin), &[4, 8, 12, 16, 20]),
        heard(ended(Habit::Silent, S, 25 * S, 5 * S, End::Fin), &[4, 8, 12, 16, 20]),
        pinging(S, 40 * S),
    ];
    let findings = Findings::of(&records);
    assert_eq!(findings.idle.unwrap().timeout, 5 * S);
    assert_eq!((findings.unanswered, findings.passive_cut), (None, true));
}

#[test]
fn a_black_hole_shows_by_soundings_only() {
    let records = [
        open(Habit::Passive, Duration::ZERO, 40 * S),
        open(Habit::Silent, S, 39 * S),
        pinging(S, 39 * S),
        sounding(8 * S, Fate::Answered),
        sounding(15 * S, Fate::NoAnswer(5 * S)),
        sounding(25 * S, Fate::NoAnswer(5 * S)),
    ];
    let findings = Findings::of(&records);
    let idle = findings.idle.clone().unwrap();
    assert_eq!((idle.at_least, idle.at_most), (8 * S, 15 * S));
    assert!(idle.timeout > 8 * S && idle.timeout < 15 * S);
    assert_eq!((idle.cut.label(), idle.is_visible()), ("black_hole", false));
    assert_eq!(findings.reset_by, Some(ResetBy::Pings));
}

#[test]
fn who_answers_no_ping_at_all_shows_no_black_hole() {
    let mut deaf = open(Habit::Pinging(S), S, 6 * S);
    deaf.fate = Fate::NoAnswer(5 * S);
    let records = [
        open(Habit::Passive, Duration::ZERO, 40 * S),
        deaf,
        sounding(8 * S, Fate::NoAnswer(5 * S)),
    ];
    assert_eq!(Findings::of(&records).idle, None);
}

#[test]
fn an_entry_that_is_forgotten_and_answered_by_rst_is_told_from_a_black_hole() {
    let records = [
        pinging(S, 39 * S),
        sounding(8 * S, Fate::Answered),
        sounding(15 * S, Fate::Ended(End::Reset)),
    ];
    let idle = Findings::of(&records).idle.unwrap();
    assert_eq!((idle.cut.label(), idle.is_visible()), ("reset_when_spoken_to", false));
}

#[test]
fn who_spoke_just_as_it_was_cut_met_the_timer_and_no_hole() {
    let mut late = sounding(60 * S - S / 100, Fate::Ended(End::Fin));
    late.age = 60 * S + S / 20;
    let records = [
        ended(Habit::Passive, Duration::ZERO, 60 * S, 60 * S, End::Fin),
        late,
        pinging(S, 70 * S),
        sounding(38 * S, Fate::Answered),
    ];
    let idle = Findings::of(&records).idle.unwrap();
    assert_eq!((idle.timeout, idle.at_least, idle.cut), (60 * S, 38 * S, Cut::Fin));
}

#[test]
fn who_spoke_just_as_it_became_too_old_met_its_age_and_no_hole() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, 30 * S, 30 * S, End::Fin),
        ended(Habit::Pinging(S), S, 30 * S, S / 2, End::Fin),
        ended(Habit::Pinging(S), 4 * S, 30 * S, S / 2, End::Fin),
        sounding(30 * S - S / 100, Fate::Ended(End::Fin)),
        sounding(14 * S, Fate::Answered),
    ];
    let findings = Findings::of(&records);
    assert_eq!((findings.idle, findings.age), (None, Some((30 * S, Cut::Fin))));
}

#[test]
fn a_server_that_looks_around_now_and_then_has_a_spread() {
    let records = [
        ended(Habit::Passive, Duration::ZERO, 30 * S, 30 * S, End::Reset),
        ended(Habit::Silent, 3 * S, 27 * S, 27 * S, End::Reset),
        pinging(S, 60 * S),
    ];
    let idle = Findings::of(&records).idle.unwrap();
    assert_eq!((idle.timeout, idle.at_most), (27 * S, 30 * S));
}

#[test]
fn who_is_ended_as_soon_as_it_is_open_was_not_wanted() {
    let close = || End::ClosedByServer(1008, "no token".to_owned());
    let at_once = |habit| ended(habit, S / 10, S / 100, S / 100, close());
    let mut records =
        vec![at_once(Habit::Passive), at_once(Habit::Pinging(S)), at_once(Habit::Silent)];
    let findings = Findings::of(&records);
    assert_eq!(findings.at_once, Some(Cut::CloseFrame(1008, "no token".to_owned())));
    assert_eq!((findings.age, findings.idle), (None, None));
    records.push(pinging(S, 2 * S));
    assert_eq!(Findings::of(&records).at_once, None, "somebody was let in");
}

#[test]
fn messages_that_the_server_sends_by_itself_are_a_heartbeat_too_but_a_greeting_is_none() {
    let mut passive = open(Habit::Passive, Duration::ZERO, 60 * S);
    passive.saw(Sight::Message(Duration::ZERO));
    assert_eq!(Findings::of(&[passive.clone()]).speaks_every, None);
    for gap in [25, 24, 26] {
        passive.saw(Sight::Message(gap * S));
    }
    assert_eq!(Findings::of(&[passive]).speaks_every, Some(25 * S));
}
