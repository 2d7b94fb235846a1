//! What comes out never depends on how the bytes were split on their way.
//! Leaves to `reference.rs`: what should come out.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    reference::{Outcome, outcome},
    *,
};

/// Small limits, so that they are met often.
const SMALL: InboundLimits =
    InboundLimits { message_bytes_max: 300, message_fragments_max: 4, is_deflated: false };

/// What the guard makes of these chunks.
fn told<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut stage = Stage::new(SMALL);
    let mut given = Vec::new();
    for chunk in chunks {
        given.extend(stage.send(chunk));
    }
    Outcome {
        given,
        fault: stage.fault(),
        close: stage.observed.peer_close(),
        frames: stage.observed.frames(),
        unfinished: stage.observed.unfinished_since().is_some(),
    }
}

/// Pieces of text: whole ones, then some that are cut off or impossible.
const WORDS: &[&[u8]] = &[b"plain", "é€😀".as_bytes(), b"", b"\xe2", b"\x82", b"\xac", b"\xff"];

fn words() -> impl Strategy<Value = Vec<u8>> {
    let mostly_text = prop_oneof![3 => select(&WORDS[..2]), 1 => select(WORDS)];
    prop_oneof![
        6 => vec(mostly_text, 0..5).prop_map(|words| words.concat()),
        1 => vec(any::<u8>(), 0..400),
        1 => select(vec![1000_u16, 1005, 2000, 3000]).prop_map(|code| close_payload(code, b"e")),
    ]
}

/// A frame, legal or nearly so.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => select(vec![0x00, 0x01, 0x02, 0x80, 0x80, 0x81, 0x82, 0x89, 0x8a]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    (first, words(), any::<[u8; 4]>())
        .prop_map(|(first, payload, key)| masked(first, &payload, key))
}

/// A conversation that a correct peer might hold, so that long ones are reached as well.
fn correct() -> impl Strategy<Value = Vec<u8>> {
    let text = vec(select(vec!["plain", "é€😀", ""]), 0..5).prop_map(|words| words.concat());
    let message = (text, any::<[u8; 4]>(), vec(0..60_usize, 0..3), any::<bool>());
    vec(message, 0..8).prop_map(|messages| {
        messages
            .iter()
            .flat_map(|(text, key, cuts, pinged)| split(text, *key, cuts, *pinged))
            .collect()
    })
}

/// A text message in fragments, with pings between them.
fn split(text: &str, key: [u8; 4], cuts: &[usize], pinged: bool) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut sent = Vec::new();
    let mut first = TEXT;
    for cut in cuts {
        let (fragment, behind) = rest.split_at((*cut).min(rest.len()));
        sent.extend(masked(first, fragment, key));
        if pinged {
            sent.extend(masked(FIN | PING, b"between", key));
        }
        (first, rest) = (CONTINUATION, behind);
    }
    sent.extend(masked(FIN | first, rest, key));
    sent
}

/// What a peer sends: a conversation, then frames of any kind, then bytes changed and cut off.
fn sent() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let soup = vec(any_frame(), 0..12).prop_map(|frames| frames.concat());
    let changed = prop_oneof![3 => Just(vec![]), 1 => changes];
    (correct(), soup, changed, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(correct, soup, changes, cut, is_cut)| {
            let mut sent = [correct, soup].concat();
            for (index, byte) in changes {
                if !sent.is_empty() {
                    let index = index.index(sent.len());
                    sent[index] = byte;
                }
            }
            if is_cut {
                sent.truncate(cut.index(sent.len() + 1));
            }
            sent
        },
    )
}

/// Splits into chunks of these sizes, over and over.
fn chunks<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (chunk, rest) = bytes.split_at((*size).min(bytes.len()));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_comes_out_is_the_same_whatever_the_chunking(
        sent in sent(),
        sizes in vec(1..40_usize, 1..8),
    ) {
        let expected = outcome(&sent, SMALL);
        prop_assert_eq!(&told([&sent[..]]), &expected, "all at once");
        prop_assert_eq!(&told(chunks(&sent, &[1])), &expected, "byte by byte");
        prop_assert_eq!(&told(chunks(&sent, &sizes)), &expected, "in pieces of {:?}", sizes);
    }

    #[test]
    fn a_correct_peer_is_never_at_fault(sent in correct()) {
        let told = told(chunks(&sent, &[7]));
        prop_assert_eq!((told.fault, told.unfinished), (None, false));
    }

    #[test]
    fn our_own_close_at_any_moment_leaves_only_the_peers(
        before in sent(),
        after in sent(),
    ) {
        let mut stage = Stage::new(SMALL);
        stage.send(&before);
        let fault = stage.fault();
        stage.observed.swallow();
        let given = stage.send(&after);
        prop_assert!(given.len() <= 1);
        prop_assert!(given.iter().all(|it| matches!(it, Received::Close(_))));
        prop_assert_eq!(stage.fault(), fault);
        prop_assert_eq!(stage.observed.unfinished_since(), None);
    }
}
