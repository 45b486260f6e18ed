//! Lines out of a stream of bytes: one JSON message each, as on stdio (MCP, transports, stdio).
//!
//! A line that lies whole in the input is borrowed from it. One that is too long is reported once,
//! when it passes the bound, and skipped to its end; the lines behind it are as good as before.

use crate::wire::body::{append, capacity_for};

/// Splits the bytes of one peer into lines.
#[derive(Debug)]
pub struct Lines {
    /// Bytes that one line may have, without its LF; a CR before that counts.
    line_bytes_max: usize,
    /// The start of a line whose end has not arrived, or the line that has been given out.
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What is held is the start of a line.
    Collecting,
    /// What is held has been given out.
    Given,
    /// Nothing is held; the rest of a line that is too long is thrown away.
    Skipping,
}

/// What a splitter finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line that is not empty, without its CR and LF.
    Whole(&'a [u8]),
    /// A line over the bound, of which nothing is kept.
    TooLong,
}

/// What one step over the input came to. It borrows nothing, so the steps can be repeated.
enum Step<'a> {
    /// A line was empty, or the end of a line that is too long.
    Nothing,
    /// A line that lies whole in the input.
    Borrowed(&'a [u8]),
    /// A line that is held.
    Held,
    /// A line that is too long.
    TooLong,
}

impl Lines {
    /// A splitter for lines of at most `line_bytes_max` bytes.
    pub fn new(line_bytes_max: usize) -> Lines {
        Lines {
            line_bytes_max,
            held: Vec::new(),
            state: State::Collecting,
        }
    }

    /// The next line, taken off the front of `input` and of what is held. `None`: all input was
    /// taken and no further line is whole.
    ///
    /// ```
    /// use slimcp::wire::lines::{Line, Lines};
    ///
    /// let mut lines = Lines::new(1024);
    /// let mut input: &[u8] = b"{}\r\n\n[]\n{";
    /// assert_eq!(lines.next_line(&mut input), Some(Line::Whole(b"{}")));
    /// assert_eq!(lines.next_line(&mut input), Some(Line::Whole(b"[]")));
    /// assert_eq!(lines.next_line(&mut input), None);
    /// ```
    pub fn next_line<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Line<'a>> {
        self.free();
        while !input.is_empty() {
            let step = match input.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    let line = &input[..end];
                    *input = &input[end + 1..];
                    self.end_line(line)
                }
                None => self.hold(std::mem::take(input)),
            };
            match step {
                Step::Nothing => {}
                Step::Borrowed(line) => return Some(Line::Whole(line)),
                Step::Held => return Some(Line::Whole(without_cr(&self.held))),
                Step::TooLong => return Some(Line::TooLong),
            }
        }
        None
    }

    /// The stream has ended: what is held is the last line, if a peer went without ending it.
    pub fn finish(&mut self) -> Option<&[u8]> {
        self.free();
        self.state = State::Given;
        Some(without_cr(&self.held)).filter(|line| !line.is_empty())
    }

    /// Bytes of heap that the splitter takes; zero between lines.
    pub fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// By how much [`Lines::held_bytes`] grows if `input` comes next, up to the end of its first
    /// line: what the owner draws from the pool first.
    pub fn growth(&self, input: &[u8]) -> usize {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (held, capacity) = match self.state {
            State::Collecting => (self.held.len(), self.held.capacity()),
            State::Given => (0, 0),
            State::Skipping => return 0,
        };
        let bytes = held + end.unwrap_or(input.len());
        let is_borrowed = held == 0 && end.is_some();
        if is_borrowed || bytes > self.line_bytes_max {
            return 0;
        }
        capacity_for(bytes, capacity, self.line_bytes_max) - capacity
    }

    /// Throws away what is held, and what comes up to the end of that line.
    pub fn skip(&mut self) {
        self.held = Vec::new();
        self.state = State::Skipping;
    }

    /// Gives back the line that was given out last.
    fn free(&mut self) {
        if self.state == State::Given {
            self.held = Vec::new();
            self.state = State::Collecting;
        }
    }

    /// Takes the end of a line.
    fn end_line<'a>(&mut self, end: &'a [u8]) -> Step<'a> {
        if self.state == State::Skipping {
            self.state = State::Collecting;
            return Step::Nothing;
        }
        if self.held.is_empty() {
            return self.whole(end);
        }
        if let Step::TooLong = self.hold(end) {
            self.state = State::Collecting;
            return Step::TooLong;
        }
        self.state = State::Given;
        if without_cr(&self.held).is_empty() {
            self.free();
            return Step::Nothing;
        }
        Step::Held
    }

    /// Takes a line that lies whole in the input.
    fn whole<'a>(&self, line: &'a [u8]) -> Step<'a> {
        if line.len() > self.line_bytes_max {
            return Step::TooLong;
        }
        match without_cr(line) {
            [] => Step::Nothing,
            line => Step::Borrowed(line),
        }
    }

    /// Keeps a part of a line, unless it is too long or was before.
    fn hold<'a>(&mut self, part: &[u8]) -> Step<'a> {
        if self.state == State::Skipping {
            return Step::Nothing;
        }
        if self.held.len() + part.len() > self.line_bytes_max {
            self.skip();
            return Step::TooLong;
        }
        append(&mut self.held, part, self.line_bytes_max);
        Step::Nothing
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 8;

    /// The lines of `input` in pieces of `step` bytes, `!` for one that is too long, and the rest.
    fn split(input: &str, step: usize) -> (Vec<String>, Option<String>) {
        let mut lines = Lines::new(MAX);
        let mut found = Vec::new();
        let text = |line: &[u8]| line.escape_ascii().to_string();
        for mut piece in input.as_bytes().chunks(step) {
            while let Some(line) = lines.next_line(&mut piece) {
                found.push(match line {
                    Line::Whole(line) => text(line),
                    Line::TooLong => "!".to_string(),
                });
            }
            assert!(piece.is_empty());
            assert!(lines.held_bytes() <= MAX);
        }
        let rest = lines.finish().map(text);
        assert_eq!(lines.finish(), None);
        (found, rest)
    }

    #[track_caller]
    fn check(input: &str, expected: &[&str], rest: Option<&str>) {
        for step in [1, 2, 3, 5, input.len()] {
            let (found, found_rest) = split(input, step);
            assert_eq!(found, expected, "{input:?} in pieces of {step}");
            assert_eq!(found_rest.as_deref(), rest, "{input:?} in pieces of {step}");
        }
    }

    #[test]
    fn lines_come_without_their_ends() {
        check("a\nbc\n", &["a", "bc"], None);
        check("a\r\nbc\r\n", &["a", "bc"], None);
        check("a\rb\n", &["a\\rb"], None);
        check("a\r\r\n", &["a\\r"], None);
    }

    #[test]
    fn empty_lines_are_skipped() {
        check("\n\r\n\na\n\n\r\n", &["a"], None);
    }

    #[test]
    fn what_is_not_ended_waits_for_the_end_of_the_stream() {
        check("a\nb", &["a"], Some("b"));
        check("b\r", &[], Some("b"));
        check("a\n\r", &["a"], None);
    }

    #[test]
    fn as_long_a_line_as_the_limit_and_one_more() {
        check("12345678\na\n", &["12345678", "a"], None);
        check("1234567\r\na\n", &["1234567", "a"], None);
        check("123456789\na\n", &["!", "a"], None);
        check("12345678\r\na\n", &["!", "a"], None);
        check("123456789", &["!"], None);
    }

    #[test]
    fn a_line_that_is_too_long_is_reported_once_and_skipped() {
        let long = "x".repeat(10 * MAX);
        check(
            &format!("a\n{long}\nb\n{long}\n{long}\nc"),
            &["a", "!", "b", "!", "!"],
            Some("c"),
        );
        check(&format!("{long}\n\nb\n"), &["!", "b"], None);
    }

    #[test]
    fn a_line_whole_in_the_input_is_not_copied() {
        let mut lines = Lines::new(MAX);
        let input: &[u8] = b"abc\nd";
        let mut rest = input;
        let Some(Line::Whole(line)) = lines.next_line(&mut rest) else {
            panic!("no line");
        };
        assert_eq!(line.as_ptr(), input.as_ptr());
        assert_eq!(lines.held_bytes(), 0);
    }

    #[test]
    fn what_a_line_in_pieces_takes_is_known_before() {
        let text = b"abcdefgh\nab\n\nabcdefghi\na\nbcdef\n";
        let line_ends = |byte: &u8| *byte == b'\n';
        for step in 1..=MAX {
            let mut lines = Lines::new(MAX);
            let pieces = text.split_inclusive(line_ends);
            for mut piece in pieces.flat_map(|line| line.chunks(step)) {
                let expected = lines.held_bytes() + lines.growth(piece);
                let is_held = lines.next_line(&mut piece) != Some(Line::TooLong);
                assert_eq!(piece, b"");
                if is_held {
                    assert_eq!(lines.held_bytes(), expected, "step {step}");
                }
                assert_eq!(lines.next_line(&mut piece), None);
            }
            assert_eq!(lines.held_bytes(), 0);
        }
    }

    #[test]
    fn what_is_left_out_ends_with_its_line() {
        let mut lines = Lines::new(MAX);
        assert_eq!(lines.next_line(&mut b"ab".as_slice()), None);
        lines.skip();
        assert_eq!((lines.held_bytes(), lines.growth(b"cd")), (0, 0));
        let mut input: &[u8] = b"cd\nef\n";
        assert_eq!(lines.next_line(&mut input), Some(Line::Whole(b"ef")));
    }

    #[test]
    fn a_line_in_pieces_is_freed_by_the_next_call() {
        let mut lines = Lines::new(MAX);
        assert_eq!(lines.next_line(&mut b"ab".as_slice()), None);
        let mut input: &[u8] = b"c\n";
        assert_eq!(lines.next_line(&mut input), Some(Line::Whole(b"abc")));
        assert!(lines.held_bytes() > 0);
        assert_eq!(lines.next_line(&mut input), None);
        assert_eq!(lines.held_bytes(), 0);
    }
}
