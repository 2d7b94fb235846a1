//! What the kernel itself knows of a port's connections, whatever anybody's gauges say.
//! What that should be is for the ledger to say.

/// The connections of a port, as `/proc/net/tcp` lists them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sockets {
    /// Those that a process holds a descriptor of.
    pub held: usize,
    /// Bytes that wait to be taken by the other ends, also where nobody holds the socket any more.
    pub unsent: usize,
}

/// Counts what is at this local port of IPv4.
///
/// # Panics
/// Where there is no such list.
pub fn sockets(port: u16) -> Sockets {
    let list = std::fs::read_to_string("/proc/net/tcp").expect("Linux lists its sockets");
    count(&list, port)
}

fn count(list: &str, port: u16) -> Sockets {
    let mut sockets = Sockets { held: 0, unsent: 0 };
    let local = format!(":{port:04X}");
    for line in list.lines().skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, here, _, state, queues, _, _, _, _, inode, ..] = fields[..] else { continue };
        // 0A: the listener, whose queue is something else.
        if !here.ends_with(&local) || state == "0A" {
            continue;
        }
        sockets.held += usize::from(inode != "0");
        let unsent = queues.split(':').next().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        // 06: TIME_WAIT keeps nothing; the kernel shows its timer there.
        sockets.unsent += unsent.filter(|_| state != "06").unwrap_or(0);
    }
    sockets
}

#[test]
fn a_list_is_counted() {
    let list = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2328 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 77 1
   1: 0100007F:2328 0100007F:9C40 01 00000010:00000000 00:00000000 00000000     0        0 78 1
   2: 0100007F:2328 0100007F:9C41 04 00000020:00000000 00:00000000 00000000     0        0 0 1
   3: 0100007F:2328 0100007F:9C42 06 00000000:00000000 03:000016E3 00000000     0        0 0 3
   4: 0100007F:9C40 0100007F:2328 01 00000400:00000000 00:00000000 00000000     0        0 80 1
";
    assert_eq!(count(list, 9000), Sockets { held: 1, unsent: 48 });
}
