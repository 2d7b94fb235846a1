//! The paths that every message takes, each once, for callgrind to count its instructions.
//! Leaves to `house.rs` and `wire.rs` what has to be there before, which is not counted; to
//! `scripts/lib/check_instructions` what the counts may be.
//!
//! Whatever is allocated, cached or grown by a first time has been so before: what is counted is the
//! thousandth message, not the first. A path gives back what it was given, whose end is not counted.

mod house;
mod wire;

use std::hint::black_box;

use bytes::Bytes;
use gungraun::{Callgrind, prelude::*};
use holdline::{
    measuring::{Frame, WindowBits, message},
    message::Message,
};

use self::{
    house::{House, Pulse},
    wire::Reading,
};

/// Bytes are moved as any processor can: with what this one can do besides, moving 16 KiB would be anything between 300
/// and 16,000 instructions.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-AVX512VL,-ERMS,-FSRM";

// Encoded once, however many will hear it.
#[library_benchmark]
#[bench::of_32_bytes(text(32))]
#[bench::of_1_kib(text(1024))]
#[bench::of_16_kib(text(16 * 1024))]
fn a_message_is_encoded(text: Message) -> (Message, Bytes) {
    let frame = message(black_box(&text));
    (text, frame)
}

// Deflated once, however many of those who hear it inflate.
#[library_benchmark]
#[bench::of_1_kib_of_json(deflatable())]
fn a_message_is_deflated(frame: Frame) -> (Frame, Option<Bytes>) {
    let deflated = black_box(&frame).deflated(WindowBits::MAX).cloned();
    (frame, deflated)
}

// Into the queue of one peer, and out of it into the body of its response.
#[library_benchmark]
#[bench::of_1_frame(House::of_one(1))]
#[bench::of_16_frames(House::of_one(16))]
fn an_outbox_takes_and_gives(given: (House, usize)) -> House {
    let (mut house, frames) = given;
    house.queue(black_box(frames));
    house.take_all();
    house
}

// From the bytes of a peer to whole messages.
#[library_benchmark]
#[bench::a_message_of_32_bytes(Reading::of_small())]
#[bench::messages_of_1_kib_16_at_once(Reading::of_many())]
#[bench::a_message_of_16_kib_in_pieces(Reading::of_pieces())]
fn the_guard_reads(mut reading: Reading) -> Reading {
    reading.read();
    reading
}

// A ping is due, leaves, and is answered.
#[library_benchmark]
#[bench::ping_and_pong(Pulse::new())]
fn a_heartbeat_ticks(mut pulse: Pulse) -> Pulse {
    pulse.tick();
    pulse
}

// From a member's message to everybody's queue. By a thousand: one delivery.
#[library_benchmark]
#[bench::of_1000_members(House::of_many())]
fn a_room_is_told(house: House) -> House {
    house.publish();
    house
}

library_benchmark_group!(
    name = hot;
    benchmarks = a_message_is_encoded, a_message_is_deflated, an_outbox_takes_and_gives, the_guard_reads,
        a_heartbeat_ticks, a_room_is_told
);

main!(
    config = LibraryBenchmarkConfig::default()
        .env("GLIBC_TUNABLES", TUNABLES)
        .tool(Callgrind::with_args(["--cache-sim=no"]));
    library_benchmark_groups = hot
);

fn text(bytes: usize) -> Message {
    let text = Message::from("x".repeat(bytes));
    drop(message(&text));
    text
}

/// For a deflater that has been used before.
fn deflatable() -> Frame {
    let record =
        |id: u32| format!(r#"{{"id":{id},"room":"lobby","name":"ada","said":"good morning"}},"#);
    let mut json = (1000..).map(record).take(32).collect::<String>();
    json.truncate(1024);
    let frame = || Frame::new(message(&Message::from(json.as_str())), Some(0));
    assert!(frame().deflated(WindowBits::MAX).is_some(), "it becomes smaller");
    frame()
}
