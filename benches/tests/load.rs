//! That the load generator finds out what is wrong, and does all its works with a right server.
//! Leaves to `floor.rs`: whether the floor is right.

mod program;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, Output},
    thread,
};

use holdline_benches::{
    outcome::Outcome,
    wire::frames::{Header, KEY, Opcode, payload, put_plain},
};
use program::Server;

/// Runs `load` to its end.
fn load(address: SocketAddr, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
    command.args(arguments.split(' ')).args(["--address", &address.to_string()]);
    command.output().expect("a program")
}

fn outcome(address: SocketAddr, arguments: &str) -> Outcome {
    let output = load(address, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    serde_json::from_slice(&output.stdout).expect("an outcome")
}

#[test]
fn all_works_are_done_with_a_right_server() {
    let floor = Server::floor(&["--ping-interval", "0.05"]);
    let server = floor.id();
    for arguments in [
        "echo --connections 20 --bytes 32",
        "echo --connections 3 --bytes 0 --depth 4",
        "echo --connections 2 --bytes 70000 --depth 3",
        "echo --connections 20 --bytes 100 --depth 16 --rate 500",
        "fanout --members 50 --bytes 5 --rooms 7 --in-flight 3",
        "fanout --members 5 --bytes 3000 --rooms 5",
        "idle --connections 30 --hold 0.3",
        "handshakes --in-flight 4",
        "storm --connections 300",
    ] {
        let common = format!("--warmup 0.1 --seconds 0.3 --account server={server}");
        let outcome = outcome(floor.address, &format!("{arguments} {common}"));
        assert!(outcome.units > 0, "{outcome:?}");
        assert!(outcome.seconds > 0.0, "{outcome:?}");
        assert_eq!(outcome.latency.is_none(), outcome.work == "idle", "{outcome:?}");
        let account = &outcome.accounts["server"];
        assert!(account.cpu_seconds > 0.0 && account.pss_after > 100_000, "{outcome:?}");
        assert!(outcome.load.cpu_seconds > 0.0, "{outcome:?}");
    }
}

#[test]
fn a_bounded_number_of_units_ends_the_measuring() {
    let floor = Server::floor(&[]);
    let arguments = "echo --connections 1 --bytes 9 --warmup 0 --seconds 3600 --units 100";
    assert_eq!(outcome(floor.address, arguments).units, 100);
}

#[test]
fn arguments_that_make_no_sense_are_64() {
    let nobody = "127.0.0.1:1".parse().expect("an address");
    for arguments in
        ["echo", "dance", "echo --connections 0 --bytes 1", "echo --connections 1 --bytes 1 --tls"]
    {
        assert_eq!(load(nobody, arguments).status.code(), Some(64), "{arguments}");
    }
}

#[test]
fn nobody_there_is_told() {
    let output = load("127.0.0.1:1".parse().expect("an address"), "echo --connections 1 --bytes 1");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("connection 0 to 127.0.0.1:1"), "{errors}");
}

/// What `load` says of a server that agrees to the handshake and then sends `answer`, whatever it
/// is sent, and leaves only when it has nothing to answer.
fn told_of(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(program::PATIENCE)).expect("a timeout");
        let mut bytes = [0; 1000];
        assert_ne!(stream.read(&mut bytes).expect("a request"), 0);
        let agreed =
            b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(agreed).expect("agreed");
        assert_ne!(stream.read(&mut bytes).expect("a message"), 0);
        stream.write_all(&answer).expect("an answer");
        if !answer.is_empty() {
            // Else its end would come before what is wrong with the answer is told.
            let _ = stream.read(&mut bytes);
        }
    });
    let output = load(address, "echo --connections 1 --bytes 3 --depth 2");
    server.join().expect("a server");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("connection 0"), "{errors}");
    errors
}

#[test]
fn a_server_that_is_wrong_is_told_and_how() {
    let frame = |opcode, payload: &[u8]| {
        let mut frame = Vec::new();
        put_plain(&mut frame, opcode, payload);
        frame
    };
    let mut masked = Vec::new();
    Header::new(Opcode::Text, 3, Some(KEY)).put(&mut masked);
    let right = frame(Opcode::Text, &payload(3));
    for (answer, word) in [
        (frame(Opcode::Text, b"!\"?"), "byte 2 of a message is 0x3f; 0x23 was sent"),
        (frame(Opcode::Text, b"!\"#$"), "longer than the 3 bytes"),
        (frame(Opcode::Text, b"!\""), "a message has 2 bytes; 3 were sent"),
        (frame(Opcode::Binary, &payload(3)), "Some(Binary)"),
        (frame(Opcode::Close, b"\x03\xf0no"), "a close frame, code 1008, reason \"no\""),
        (masked, "masked"),
        (Vec::new(), "without a close frame"),
        ([&right[..], &right, &right].concat(), "3 echoes of 2 messages"),
        ([&right[..], b"\x81\x01!"].concat(), "a message has 1 bytes; 3 were sent"),
    ] {
        let errors = told_of(answer);
        assert!(errors.contains(word), "{word}: {errors}");
    }
}
