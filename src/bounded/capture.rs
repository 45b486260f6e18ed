//! What a process writes, kept within a bound: the head and the tail, with the number of bytes cut
//! out between them.
//!
//! ```text
//! not cut:  │ all bytes so far              │      room │
//!
//! cut:      │ head            │ newest   ▲ oldest       │
//!           0                 head_max   └ overwritten  bytes_max
//!                                          next
//! ```
//!
//! Invariant: while nothing is cut, `bytes` is the output as it came; once something is, `bytes` is
//! full and its part behind `head_max` is a ring. Memory grows with the content, in one piece, and
//! never beyond `bytes_max`.

use std::error::Error;
use std::fmt;

/// The least memory that is allocated once there is output: most commands print one short line.
const CAPACITY_MIN: usize = 64;

/// The output of a process so far.
#[derive(Debug)]
pub struct Capture {
    /// Head and tail.
    bytes: Vec<u8>,
    /// Bytes kept at most; fixed.
    bytes_max: usize,
    /// Bytes of the head once something is cut; fixed.
    head_max: usize,
    /// Where the oldest byte of the tail stands, counted from `head_max`.
    oldest: usize,
    /// Bytes that are gone.
    cut_bytes: u64,
}

/// The output was too long to be kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many bytes are missing.
    pub bytes: u64,
}

impl Capture {
    /// Keeps the first and the last half of `bytes_max`.
    pub const fn new(bytes_max: usize) -> Capture {
        Capture::with_head(bytes_max.div_ceil(2), bytes_max)
    }

    /// Keeps the last `bytes_max` only: for stderr, where the reason of a failure stands last.
    pub const fn of_tail(bytes_max: usize) -> Capture {
        Capture::with_head(0, bytes_max)
    }

    /// Keeps the first `head_max` bytes, and as many of the last ones as then fit.
    const fn with_head(head_max: usize, bytes_max: usize) -> Capture {
        Capture {
            bytes: Vec::new(),
            bytes_max,
            head_max,
            oldest: 0,
            cut_bytes: 0,
        }
    }

    /// Adds what the process wrote next.
    pub fn push(&mut self, bytes: &[u8]) {
        let capacity = self.capacity_for(bytes.len());
        self.bytes.reserve_exact(capacity - self.bytes.len());
        let room = self.bytes_max - self.bytes.len();
        let (fitting, rest) = bytes.split_at(room.min(bytes.len()));
        self.bytes.extend_from_slice(fitting);
        if !rest.is_empty() {
            self.overwrite(rest);
        }
    }

    /// Puts `newest` over the oldest bytes of the tail. `bytes` is full.
    fn overwrite(&mut self, newest: &[u8]) {
        assert_eq!(self.bytes.len(), self.bytes_max, "room is used up first");
        self.cut_bytes += newest.len() as u64;
        let tail = &mut self.bytes[self.head_max..];
        if tail.is_empty() {
            return;
        }
        let newest = &newest[newest.len().saturating_sub(tail.len())..];
        let (to_end, around) = newest.split_at(newest.len().min(tail.len() - self.oldest));
        tail[self.oldest..][..to_end.len()].copy_from_slice(to_end);
        tail[..around.len()].copy_from_slice(around);
        self.oldest = (self.oldest + newest.len()) % tail.len();
    }

    /// The memory this would hold after `bytes` more: twice as much as now if it has to grow, for
    /// the fewest moves, but not more than could ever be needed.
    fn capacity_for(&self, bytes: usize) -> usize {
        let needed = self.bytes.len().saturating_add(bytes).min(self.bytes_max);
        match self.bytes.capacity() {
            enough if needed <= enough => enough,
            less => needed.max(2 * less).max(CAPACITY_MIN).min(self.bytes_max),
        }
    }

    /// By how much [`Capture::held_bytes`] grows if `bytes` more are pushed: what the owner draws
    /// from the pool first.
    pub fn growth(&self, bytes: usize) -> usize {
        self.capacity_for(bytes) - self.bytes.capacity()
    }

    /// Memory held, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes that are gone.
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Whether the process has written nothing so far.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.cut_bytes == 0
    }

    /// The whole output, for what is of no use in parts: images, JSON.
    pub fn into_bytes(self) -> Result<Vec<u8>, Cut> {
        match self.cut_bytes {
            0 => Ok(self.bytes),
            bytes => Err(Cut { bytes }),
        }
    }

    /// The output as text, with a line that stands for what is cut. What is not UTF-8 becomes
    /// U+FFFD; characters are not torn apart by the cut. Reuses the memory of the capture, unless
    /// there is something to replace.
    pub fn into_text(mut self) -> String {
        if self.cut_bytes > 0 {
            self.mark_cut();
        }
        String::from_utf8(self.bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Puts the tail in order and the line between head and tail.
    fn mark_cut(&mut self) {
        let (head, tail) = self.bytes.split_at_mut(self.head_max);
        tail.rotate_left(self.oldest);
        let torn_head = torn_end(head);
        let torn_tail = torn_start(tail);
        let cut_bytes = self.cut_bytes + (torn_head + torn_tail) as u64;
        let line = match self.head_max {
            // A fixed limit: there is nothing to raise.
            0 => format!("[... {cut_bytes} bytes cut ...]\n"),
            _ => format!(
                "\n[... {cut_bytes} bytes cut; raise limits.output or the tool's output ...]\n"
            ),
        };
        let torn = self.head_max - torn_head..self.head_max + torn_tail;
        self.bytes.reserve_exact(line.len());
        self.bytes.splice(torn, line.into_bytes());
    }
}

/// How many bytes at the end of `head` begin a UTF-8 character and do not complete it.
fn torn_end(head: &[u8]) -> usize {
    let continuing = head
        .iter()
        .rev()
        .take(3)
        .take_while(|byte| continues(**byte))
        .count();
    let length = match head.iter().rev().nth(continuing) {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        Some(_) | None => 0,
    };
    let present = continuing + 1;
    if present < length { present } else { 0 }
}

/// How many bytes at the start of `tail` continue a UTF-8 character that began before it.
fn torn_start(tail: &[u8]) -> usize {
    tail.iter()
        .take(3)
        .take_while(|byte| continues(**byte))
        .count()
}

/// Whether `byte` is within a UTF-8 character (RFC 3629 section 3).
fn continues(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the output is {} bytes too long; raise limits.output or the tool's output",
            self.bytes
        )
    }
}

impl Error for Cut {}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    fn capture(bytes_max: usize, output: &[u8]) -> Capture {
        let mut capture = Capture::new(bytes_max);
        capture.push(output);
        capture
    }

    /// The line between head and tail.
    fn line(cut_bytes: u64) -> String {
        format!("\n[... {cut_bytes} bytes cut; raise limits.output or the tool's output ...]\n")
    }

    #[test]
    fn output_up_to_the_limit_is_whole_and_one_byte_more_is_cut() {
        assert_eq!(capture(6, b"abcdef").into_text(), "abcdef");
        assert_eq!(capture(6, b"abcdef").into_bytes(), Ok(b"abcdef".to_vec()));
        assert_eq!(
            capture(6, b"abcdefg").into_text(),
            format!("abc{}efg", line(1))
        );
        assert_eq!(capture(6, b"abcdefg").into_bytes(), Err(Cut { bytes: 1 }));
    }

    #[test]
    fn a_capture_of_nothing_counts_only() {
        for bytes_max in [0, 1] {
            let capture = capture(bytes_max, b"xyz");
            assert_eq!(capture.cut_bytes(), 3 - bytes_max as u64);
            assert!(capture.held_bytes() <= bytes_max);
            assert!(!capture.is_empty());
        }
        assert!(capture(0, b"").is_empty());
    }

    #[test]
    fn a_capture_of_the_tail_keeps_the_last_bytes() {
        let mut capture = Capture::of_tail(4);
        for chunk in ["error", ": no", " such", " file"] {
            capture.push(chunk.as_bytes());
        }
        assert_eq!(capture.into_text(), "[... 15 bytes cut ...]\nfile");
    }

    #[test]
    fn the_cut_tears_no_character_apart() {
        // Each character of 2, 3 and 4 bytes at every place relative to both borders.
        for character in ["é", "€", "🦀"] {
            for shift in 0..character.len() {
                let output = format!("{}{}", &"xyz"[..shift], character.repeat(20));
                let text = capture(32, output.as_bytes()).into_text();
                assert!(!text.contains('\u{FFFD}'), "{text}");
                let kept = text.split('[').next().unwrap().trim_end().len()
                    + text.split(']').next_back().unwrap().trim_start().len();
                let cut = (output.len() - kept) as u64;
                assert!(text.contains(&line(cut)), "{text}, not {cut}");
                assert!(kept > 32 - 2 * character.len(), "{text}");
            }
        }
    }

    #[test]
    fn torn_ends_are_told_from_whole_and_from_wrong_ones() {
        let cases: [(&[u8], usize); 10] = [
            (b"", 0),
            (b"abc", 0),
            ("é".as_bytes(), 0),
            ("🦀".as_bytes(), 0),
            (b"a\xC3", 1),
            (b"a\xE2\x82", 2),
            (b"a\xF0\x9F\xA6", 3),
            (b"a\x80", 0),
            (b"a\x80\x80\x80\x80", 0),
            (b"a\xFF", 0),
        ];
        for (head, torn) in cases {
            assert_eq!(torn_end(head), torn, "{head:?}");
        }
    }

    #[test]
    fn what_is_not_text_is_replaced() {
        assert_eq!(capture(9, b"a\xFFb").into_text(), "a\u{FFFD}b");
    }

    #[test]
    fn memory_grows_with_the_content_and_stops_at_the_limit() {
        let mut capture = Capture::new(1000);
        assert_eq!(capture.held_bytes(), 0);
        for (bytes, held) in [
            (1, 64),
            (63, 64),
            (1, 128),
            (400, 465),
            (100, 930),
            (500, 1000),
        ] {
            let grown = capture.held_bytes() + capture.growth(bytes);
            capture.push(&vec![b'x'; bytes]);
            assert_eq!((capture.held_bytes(), grown), (held, held));
        }
        assert_eq!(capture.growth(usize::MAX), 0);
        assert_eq!(capture.cut_bytes(), 65);
    }

    #[test]
    fn a_capture_behaves_as_both_ends_of_all_bytes() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let bytes_max = random.below(100);
            let tail_only = random.below(2) == 0;
            let mut capture = match tail_only {
                true => Capture::of_tail(bytes_max),
                false => Capture::new(bytes_max),
            };
            let head_max = if tail_only { 0 } else { bytes_max.div_ceil(2) };
            let mut all = Vec::new();
            for _ in 0..random.below(20) {
                let chunk: Vec<u8> = (0..random.below(60))
                    .map(|_| b'a' + random.below(26) as u8)
                    .collect();
                capture.push(&chunk);
                all.extend(chunk);
                assert!(capture.held_bytes() <= bytes_max, "seed {seed}");
            }
            let cut = all.len().saturating_sub(bytes_max);
            assert_eq!(capture.cut_bytes(), cut as u64, "seed {seed}");
            let text = capture.into_text();
            if cut == 0 {
                assert_eq!(text.as_bytes(), all, "seed {seed}");
            } else {
                let (head, tail) = (&all[..head_max], &all[head_max + cut..]);
                assert!(text.as_bytes().starts_with(head), "seed {seed}");
                assert!(text.as_bytes().ends_with(tail), "seed {seed}");
                let between = &text[head.len()..text.len() - tail.len()];
                assert!(
                    between.contains(&format!(" {cut} bytes cut")),
                    "seed {seed}"
                );
            }
        }
    }
}
