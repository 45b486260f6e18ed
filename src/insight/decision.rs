//! Architecture decision records, as people keep them.
//!
//! | shape | title | status and date | links |
//! |---|---|---|---|
//! | Nygard, adr-tools | `# 1. Use C` | `## Status`, `Date:` | `Supercedes [1. D](0001-d.md)` |
//! | MADR 2 | `# Use C` | `* Status:`, `* Date:` | `superseded by [ADR-5](0005-d.md)` |
//! | MADR 3 and 4 | `# Use C` | `status:`, `date:` in front | `superseded by ADR-0005` |
//!
//! A file with neither a number nor a status is none, nor are templates and lists of decisions.

use super::cut::{TITLE_BYTES_MAX, floor, shorten};

/// Bytes of a status or a date.
const VALUE_BYTES_MAX: usize = 40;

/// Bytes of a line that are read.
const LINE_BYTES_MAX: usize = 1024;

/// Decisions that one replaces.
const SUPERSEDED_MAX: usize = 32;

/// Digits of a number: more are a date.
const DIGITS_MAX: usize = 5;

/// Words in the names of files that are no decisions. With a number in front a name is of one that
/// is about such a thing, unless it is nothing else: `0007-keep-the-index`, but `0000-template`.
const OTHERS: [&str; 9] = [
    "readme",
    "index",
    "template",
    "contributing",
    "changelog",
    "glossary",
    "license",
    "toc",
    "summary",
];

/// What a status begins with, and how it is said here.
const STATUSES: [(&str, &str); 13] = [
    ("accepted", "accepted"),
    ("approved", "approved"),
    ("proposed", "proposed"),
    ("proposal", "proposed"),
    ("rejected", "rejected"),
    ("declined", "rejected"),
    ("deprecated", "deprecated"),
    ("superseded", "superseded"),
    ("superceded", "superseded"),
    ("replaced", "superseded"),
    ("draft", "draft"),
    ("pending", "pending"),
    ("decided", "decided"),
];

/// What stands before the decision that has replaced this one.
const REPLACED_BY: [&str; 6] = [
    "superseded by",
    "superceded by",
    "superseded-by",
    "superseded_by",
    "supersededby",
    "replaced by",
];

/// What stands before those that it replaces.
const REPLACES: [&str; 3] = ["supersedes", "supercedes", "replaces"];

/// A decision, as its file tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number, where it has one.
    pub number: Option<u32>,
    /// What was decided, in a line.
    pub title: String,
    /// `accepted`, in small letters; empty where it is not said.
    pub status: String,
    /// The date as it is written.
    pub date: Option<String>,
    /// Numbers of those that it replaces.
    pub supersedes: Vec<u32>,
    /// The number of the one that has replaced it.
    pub superseded_by: Option<u32>,
}

/// The decision in the file at `path`, if it is one.
pub fn record(path: &str, text: &str) -> Option<Record> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let lower = stem.to_ascii_lowercase();
    let is_document = [
        "md", "markdown", "mdx", "adoc", "asciidoc", "rst", "txt", "",
    ];
    let is_other = match numbered(&lower) {
        (Some(_), title) => {
            let mut rest = words(title).filter(|word| !OTHERS.contains(word));
            !title.is_empty() && rest.all(|word| word == "adr")
        }
        (None, name) => words(name).any(|word| OTHERS.contains(&word)),
    };
    if is_other || !is_document.contains(&ending.to_ascii_lowercase().as_str()) {
        return None;
    }
    let mut reading = Reading::default();
    for line in text.lines() {
        reading.line(&line[..floor(line, LINE_BYTES_MAX)]);
    }
    reading.finish(stem)
}

/// The words that a name is made of.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|letter: char| !letter.is_ascii_alphabetic());
    words.filter(|word| !word.is_empty())
}

/// What is read so far.
#[derive(Debug, Default)]
struct Reading {
    record: Record,
    /// The number that the title has in front.
    title_number: Option<u32>,
    /// Lines that say something, so far.
    lines: usize,
    /// The heading that the line is under, in small letters.
    section: String,
    /// The line before, which may be a heading that the next one underlines.
    before: String,
    is_in_front: bool,
    is_template: bool,
}

impl Reading {
    fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        self.lines += 1;
        if line == "---" && (self.lines == 1 || self.is_in_front) {
            self.is_in_front = !self.is_in_front;
            return;
        }
        if let Some(heading) = self.heading(line) {
            self.begin(&heading);
            return;
        }
        let bare = line.trim_start_matches(['*', '-', '|', '_', '>', '[', ' ']);
        self.links(bare);
        match split(bare) {
            Some((key, value)) => self.field(&key, value),
            None => self.text(bare),
        }
        self.before = line.to_string();
    }

    /// What a line says if it is a heading.
    fn heading(&self, line: &str) -> Option<String> {
        let text = line.trim_start_matches(['#', '=']);
        let is_marked = text.len() < line.len() && text.starts_with(' ') && !self.is_in_front;
        let is_line = line.len() >= 3 && (line.bytes().all(|byte| byte == b'='));
        let is_thin = line.len() >= 4 && line.bytes().all(|byte| byte == b'-');
        let is_underline = (is_line || is_thin) && !self.before.is_empty();
        if is_underline && !self.is_in_front {
            return Some(self.before.clone());
        }
        is_marked.then(|| text.trim().to_string())
    }

    fn begin(&mut self, heading: &str) {
        self.before.clear();
        if self.record.title.is_empty() {
            let (number, title) = numbered(heading);
            self.title_number = number;
            self.record.title = shorten(title.to_string(), TITLE_BYTES_MAX);
        }
        self.section = heading.trim_end_matches(':').to_ascii_lowercase();
    }

    /// A line like `Status: accepted`.
    fn field(&mut self, key: &str, value: &str) {
        match key {
            "status" => self.status(value),
            "date" => self.date(value),
            "title" if self.is_in_front && self.record.title.is_empty() => {
                let (number, title) = numbered(without_marks(value));
                self.title_number = number;
                self.record.title = shorten(title.to_string(), TITLE_BYTES_MAX);
            }
            _ => {}
        }
    }

    /// A line below a heading.
    fn text(&mut self, line: &str) {
        match self.section.as_str() {
            "status" => self.status(line),
            "date" => self.date(line),
            _ => {}
        }
    }

    fn status(&mut self, value: &str) {
        let value = without_marks(value);
        // "{proposed | rejected | accepted}" is what a template asks for.
        self.is_template |= value.contains('|') && value.contains("rejected");
        let lower = value.to_lowercase();
        let mut words = lower.split(|letter: char| !letter.is_alphabetic());
        let first = words.find(|word| !word.is_empty()).unwrap_or_default();
        if !self.record.status.is_empty() || first.is_empty() {
            return;
        }
        let known = STATUSES.iter().find(|(word, _)| *word == first);
        let is_link = REPLACES.contains(&first) || ["amends", "amended"].contains(&first);
        if !is_link {
            let whole = lower[..floor(&lower, VALUE_BYTES_MAX)].trim();
            self.record.status = known.map_or(whole, |(_, status)| status).to_string();
        }
    }

    fn date(&mut self, value: &str) {
        let value = without_marks(value);
        let is_date = value.bytes().any(|byte| byte.is_ascii_digit()) && !value.contains('{');
        if is_date && self.record.date.is_none() {
            self.record.date = Some(shorten(value.to_string(), VALUE_BYTES_MAX));
        }
    }

    /// What a line says of other decisions. What begins so says it of this one; a status may say it
    /// behind other words.
    fn links(&mut self, line: &str) {
        let lower = line.to_ascii_lowercase();
        let is_field = lower.starts_with("status") && self.record.status.is_empty();
        let is_status = is_field || self.section == "status";
        let find = |phrases: &[&str]| {
            let found = phrases.iter().filter_map(|phrase| {
                let at = lower.find(phrase).filter(|at| *at == 0 || is_status)?;
                Some(at + phrase.len())
            });
            found.min()
        };
        if let Some(at) = find(&REPLACED_BY) {
            let number = references(&line[at..]).first().copied();
            self.record.superseded_by = self.record.superseded_by.or(number);
        } else if let Some(at) = find(&REPLACES) {
            for number in references(&line[at..]) {
                let known = &mut self.record.supersedes;
                if known.len() < SUPERSEDED_MAX && !known.contains(&number) {
                    known.push(number);
                }
            }
        }
    }

    fn finish(self, stem: &str) -> Option<Record> {
        let mut record = self.record;
        let (by_name, name) = numbered(stem);
        record.number = by_name.or(self.title_number);
        if record.superseded_by.is_some() {
            record.status = "superseded".to_string();
        }
        if record.title.is_empty() {
            record.title = shorten(name.replace(['-', '_'], " "), TITLE_BYTES_MAX);
        }
        let is_one = record.number.is_some() || !record.status.is_empty();
        (is_one && !self.is_template).then_some(record)
    }
}

/// The key in small letters and the value of `**Key:** value`, `Key | value` and the like.
fn split(line: &str) -> Option<(String, &str)> {
    let at = line.find([':', '|'])?;
    let key = line[..at]
        .trim_matches(['*', '_', ' ', '"', ']'])
        .to_ascii_lowercase();
    let is_key = key.len() <= VALUE_BYTES_MAX && !key.contains([' ', '(']);
    is_key.then_some((key, &line[at + 1..]))
}

/// A value without what is around it.
fn without_marks(value: &str) -> &str {
    value.trim_matches(['*', '_', ' ', '"', '\'', '`', '|', '.', '\t'])
}

/// The number in front of a title or a name, and what follows: `1. Use Rust`, `ADR-0001: Use Rust`,
/// `0001-use-rust`.
fn numbered(text: &str) -> (Option<u32>, &str) {
    let none = (None, text);
    let prefix = text
        .get(..3)
        .filter(|start| start.eq_ignore_ascii_case("adr"));
    let rest = text[prefix.map_or(0, str::len)..].trim_start_matches([' ', '-', '_', '#', '[']);
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at(length);
    let title = behind.trim_start_matches([' ', '-', '_', '.', ':', ')', ']', '–', '—']);
    // "2021-05-04-use-rust" begins with a date, "3 databases" with a word of the title.
    let is_date = length == 4 && title.bytes().take(2).all(|byte| byte.is_ascii_digit());
    let is_apart = prefix.is_some() || length >= 3 || behind.starts_with(['.', ':', ')', '-', '_']);
    if !(1..=DIGITS_MAX).contains(&length) || is_date && !title.is_empty() || !is_apart {
        return none;
    }
    (digits.parse().ok(), title)
}

/// The decisions that a text names: by the files that it links to, or else by `ADR-0005`, `5`.
fn references(text: &str) -> Vec<u32> {
    let targets = text.split("](").skip(1).filter_map(|target| {
        let path = target.split([')', '#']).next()?;
        numbered(path.rsplit('/').next()?).0
    });
    let targets: Vec<u32> = targets.take(SUPERSEDED_MAX).collect();
    if !targets.is_empty() {
        return targets;
    }
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let number = |word: &str| {
        let digits = word.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let is_number = (1..=DIGITS_MAX).contains(&digits.len());
        let is_named = digits.len() == word.len() || word[..3].eq_ignore_ascii_case("adr");
        (is_number && is_named)
            .then(|| digits.parse().ok())
            .flatten()
    };
    let found = words
        .filter(|word| word.len() <= 3 + DIGITS_MAX)
        .filter_map(number);
    found.take(SUPERSEDED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as `number title | status | date | supersedes | superseded by`.
    fn check(path: &str, text: &str, expected: &str) {
        let shown = record(path, text).map(|record| {
            let Record {
                number,
                title,
                status,
                date,
                supersedes,
                superseded_by,
            } = record;
            let number = number.map_or("-".to_string(), |number| number.to_string());
            let by = superseded_by.map_or("-".to_string(), |number| number.to_string());
            let date = date.unwrap_or("-".to_string());
            format!("{number} {title} | {status} | {date} | {supersedes:?} | {by}")
        });
        assert_eq!(shown.as_deref().unwrap_or("none"), expected, "{path}");
    }

    #[test]
    fn records_of_nygard_and_adr_tools_are_read() {
        let text = "# 1. Record architecture decisions\n\nDate: 2016-02-12\n\n## Status\n\n\
            Accepted\n\n## Context\n\nStatus: this is no status. Superseded by 9.\n";
        let expected = "1 Record architecture decisions | accepted | 2016-02-12 | [] | -";
        check(
            "doc/adr/0001-record-architecture-decisions.md",
            text,
            expected,
        );
        let text = "# 5. Use 2 queues\n\nDate: 2017-01-01\n\n## Status\n\n\
            Superceded by [9. Use 3 queues](0009-use-3-queues.md)\n\n\
            Supercedes [2. Use 1 queue](0002-use-1-queue.md)\n\n\
            Amends [3. Names](0003-names.md)\n\n## Context\n";
        check(
            "0005-use-2-queues.md",
            text,
            "5 Use 2 queues | superseded | 2017-01-01 | [2] | 9",
        );
        let text = "Use Rust\n========\n\nStatus\n------\n\nAccepted on 2020-01-02\n";
        check("adr-007.md", text, "7 Use Rust | accepted | - | [] | -");
        let text = "# 4. New\n\n## Status\n\nSupersedes ADR-0001, ADR-0003\n\nAccepted\n";
        check("0004-new.md", text, "4 New | accepted | - | [1, 3] | -");
        let text = "# 7. Keep the index on disk\n\nDate: 2026-11-21\n\n## Status\n\nAccepted\n";
        let expected = "7 Keep the index on disk | accepted | 2026-11-21 | [] | -";
        check("0007-keep-the-index-on-disk.md", text, expected);
    }

    #[test]
    fn records_of_madr_are_read() {
        let text = "# Use Markdown\n\n* Status: superseded by [ADR-0005](0005-example.md)\n\
            * Deciders: all\n* Date: 2019-03-04 <!-- when -->\n\n## Links\n\n\
            * Supersedes [ADR-0003](0003-other.md)\n";
        let expected = "2 Use Markdown | superseded | 2019-03-04 <!-- when --> | [3] | 5";
        check("0002-use-markdown.md", text, expected);
        let text = "---\nstatus: \"superseded by ADR-0123\"\ndate: 2023-05-06\n\
            decision-makers: x\n---\n\n# Use `Rust`\n\n## Context\n\nstatus\n";
        check(
            "0010-a.md",
            text,
            "10 Use `Rust` | superseded | 2023-05-06 | [] | 123",
        );
        let text = "---\ntitle: ADR-11 - Use C\nstatus: Accepted\ndate: 2024-01-01\n\
            supersedes: [3, 4]\n---\n## Context\n";
        check(
            "a/b.md",
            text,
            "11 Use C | accepted | 2024-01-01 | [3, 4] | -",
        );
    }

    #[test]
    fn other_spellings_are_read() {
        check(
            "1-a.md",
            "# ADR-0001: A\n**Status:** Approved\n",
            "1 A | approved | - | [] | -",
        );
        check(
            "b.md",
            "# B\n| Status | Work in progress |\n",
            "- B | work in progress | - | [] | -",
        );
        check(
            "0003-c.adoc",
            "= C\n\n== Status\n\nRejected!\n",
            "3 C | rejected | - | [] | -",
        );
        check("0005.md", "# E\n", "5 E |  | - | [] | -");
        check("0004-no_title.md", "text\n", "4 no title |  | - | [] | -");
        check(
            "2021-05-04-d.md",
            "# D\nStatus: draft\n",
            "- D | draft | - | [] | -",
        );
        check(
            "20210504-e.md",
            "# 3 databases\nStatus: draft\n",
            "- 3 databases | draft | - | [] | -",
        );
    }

    #[test]
    fn what_is_no_decision_is_none() {
        let template = "# {short title}\n\n* Status: {proposed | rejected | accepted}\n";
        let table = [
            ("README.md", "# 1. Decisions\nStatus: accepted\n"),
            ("docs/adr/index.md", "# Index\nStatus: accepted\n"),
            ("0000-template.md", "# 1. Title\nStatus: accepted\n"),
            ("0000-template-adr.md", "# 1. Title\nStatus: accepted\n"),
            ("0000-adr-template.md", "# 1. Title\nStatus: accepted\n"),
            ("adr-template.md", "# A\nStatus: accepted\n"),
            ("0007-a.md", template),
            ("notes.md", "# Notes\n\ntext\n"),
            ("0001-a.png", "Status: accepted\n"),
            ("", ""),
        ];
        for (path, text) in table {
            check(path, text, "none");
        }
    }
}
