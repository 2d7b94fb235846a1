//! System calls as strace counts them.
//! Leaves to `server`: running something under strace.

use std::collections::BTreeMap;

/// The calls by name in the table that `strace -c` writes: the fourth column counts, the last one
/// names, and between them may be one for errors (strace(1)).
pub(crate) fn summary(text: &str) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(count), Some(&name)) = (words.get(3), words.last()) else { continue };
        if words.len() < 5 || name == "total" {
            continue;
        }
        if let Ok(count) = count.parse::<u64>() {
            *calls.entry(name.to_owned()).or_default() += count;
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_with_errors_and_one_without_are_counted_and_the_sum_is_not() {
        let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 60.00    0.006000           3      2000           sendto
 40.00    0.004000           2      2010        10 recvfrom
------ ----------- ----------- --------- --------- ------------------
100.00    0.010000           2      4010        10 total
";
        let expected = [("recvfrom".to_owned(), 2010), ("sendto".to_owned(), 2000)];
        assert_eq!(summary(text), expected.into());
    }
}
