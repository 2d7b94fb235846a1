//! A chat with rooms, and a console that speaks to everybody, lists and throws out.
//! Leaves to Holdline: pings, limits, slow peers, and a goodbye to each at the end.
//!
//! `cargo run --example chat`, and elsewhere `holdline connect "ws://127.0.0.1:9000/ws/app?name=ada"`.
//! Who comes is in the lobby, and what is said is said there. `/join ROOM`, `/leave ROOM` and
//! `@ROOM words` are for other rooms. On the console: `list`, `kick ID`, or words for everybody;
//! Ctrl-D stops it. `holdline.toml` and `HOLDLINE__…` configure it, as they do any backend.

use std::{error::Error, io};

use holdline::{
    backend::Running,
    callback::{Action, Caller, Refusal, Welcome, on_message},
    config::Config,
    disconnect::Close,
    message::{BadRoom, Message, Room},
    node::To,
};

fn main() -> Result<(), Box<dyn Error>> {
    let lobby: Room = "lobby".parse()?;
    let chat = on_message(|caller, message| {
        say(caller, &message).unwrap_or_else(|error| vec![Action::Reply(error.to_string().into())])
    })
    .on_connect(move |_caller, handshake| match handshake.query.strip_prefix("name=") {
        Some(name) => Ok(Welcome::joining(lobby.clone()).user(name)),
        None => Err(Refusal::Unwanted(403, "say who you are: ?name=".to_owned())),
    })
    .on_close(|caller, ended| println!("{} has left: {}", name(caller), ended.why));

    let server = holdline::serve(Config::load(None)?.config, chat)?;
    println!("listening: ws://{}/ws/app?name=YOU", server.public_address());
    for line in io::stdin().lines() {
        if let Err(failure) = obey(&server, &line?) {
            println!("not done: {failure}");
        }
    }
    Ok(server.stop()?)
}

/// What follows from a message of somebody's.
fn say(caller: &Caller, message: &Message) -> Result<Vec<Action>, BadRoom> {
    let (text, name) = (String::from_utf8_lossy(message.as_bytes()), name(caller));
    Ok(match text.split_once(' ') {
        Some(("/join", room)) => {
            let room: Room = room.parse()?;
            let news = format!("{name} is in {room}").into();
            vec![Action::Join(room.clone()), Action::Publish(room, news)]
        }
        Some(("/leave", room)) => vec![Action::Leave(room.parse()?)],
        Some((room, words)) if room.starts_with('@') => {
            vec![Action::Publish(room[1..].parse()?, format!("{name}: {words}").into())]
        }
        _ => vec![Action::Publish("lobby".parse()?, format!("{name}: {text}").into())],
    })
}

/// Does what was typed on the console. The node can be used like this on any thread.
fn obey(server: &Running, line: &str) -> Result<(), Box<dyn Error>> {
    let node = server.node();
    match line.split_once(' ').unwrap_or((line, "")) {
        ("list", "") => {
            let page = server.block_on(node.list_connections(None, None, 100))??;
            for connection in page.items {
                let rooms: Vec<_> = connection.rooms.iter().map(Room::as_str).collect();
                let caller = connection.caller;
                println!("{} is {}, in {}", caller.id, name(&caller), rooms.join(" "));
            }
        }
        ("kick", id) => {
            let close = Close::new(4000, "you were asked to leave");
            server.block_on(node.kick(id.parse()?, close))??;
        }
        _ => {
            let words = format!("the house: {line}").into();
            let heard = server.block_on(node.deliver(&To::Everyone, &words))??;
            println!("said to {heard}");
        }
    }
    Ok(())
}

fn name(caller: &Caller) -> &str {
    caller.user.as_deref().unwrap_or("somebody")
}
