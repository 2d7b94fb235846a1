//! Reading a log line by line, however long it is: one line in memory at a time.
//! Leaves to `access.rs`, `error.rs` and `own.rs`: what a line says.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// A longer line is none of the three logs'; what of it is over this is not kept.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How a gzip file begins (RFC 1952 section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Where a line stands: `FILE:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    /// From 1.
    pub(super) line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Calls `take` with every line of the file, and where it stands; `-` is standard input.
///
/// # Errors
/// When the file cannot be read, or is compressed.
pub(super) fn each(path: &Path, take: impl FnMut(&Place, &str)) -> io::Result<()> {
    match path.as_os_str() == "-" {
        true => read(BufReader::new(io::stdin().lock()), "-", take),
        false => read(BufReader::new(File::open(path)?), &path.to_string_lossy(), take),
    }
}

fn read(mut log: impl BufRead, file: &str, mut take: impl FnMut(&Place, &str)) -> io::Result<()> {
    if log.fill_buf()?.starts_with(GZIP) {
        let words =
            "it is compressed; give its lines on standard input: zcat FILE | holdline why … -";
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    let (mut place, mut line) = (Place { file: file.to_owned(), line: 0 }, Vec::new());
    loop {
        line.clear();
        if log.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            log.skip_until(b'\n')?;
        }
        place.line += 1;
        // Whatever a peer made nginx write: a letter that is none becomes one that stands for it.
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            take(&place, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Vec<(u64, usize)> {
        let mut lines = Vec::new();
        read(bytes, "x", |place, text| lines.push((place.line, text.len()))).expect("it is read");
        lines
    }

    #[test]
    fn every_line_is_read_and_numbered_and_what_is_too_long_is_cut() {
        let long = [vec![b'x'; LINE_BYTES_MAX * 3], b"\nlast".to_vec()].concat();
        let text = [b"one\r\n\ntwo\n".to_vec(), long].concat();
        assert_eq!(of(&text), [(1, 3), (3, 3), (4, LINE_BYTES_MAX), (5, 4)]);
        assert_eq!(of(b"\xff\xfe\n"), [(1, 6)]);
        assert_eq!(of(b""), []);
    }

    #[test]
    fn a_compressed_file_is_refused_with_the_way_to_read_it() {
        let error = read(&[0x1f, 0x8b, 8, 0][..], "x", |_, _| {}).expect_err("it is compressed");
        assert!(error.to_string().contains("zcat"), "{error}");
    }
}
