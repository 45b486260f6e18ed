//! Documents are cut into sections: Markdown, reStructuredText, AsciiDoc and plain text.
//!
//! A section goes from its heading to the next one. Long ones are cut between paragraphs; tiny ones
//! are joined with those that follow. What is code in a document, or a comment, has no headings.
//! Nothing here fails: what is no heading is text.

use super::cut::{About, Cutter, TITLE_BYTES_MAX, floor, shorten};
use super::{Kind, Passage};
use std::ops::Range;

/// Bytes of a passage, or a quarter more.
pub const SECTION_BYTES_MAX: usize = 1500;

/// Sections of fewer bytes say too little alone.
const TINY_BYTES_MAX: usize = 120;

/// Bytes that tiny sections have together at most.
const JOINED_BYTES_MAX: usize = 600;

/// Bytes of a heading that are read.
const HEADING_BYTES_MAX: usize = 512;

/// Lines of what stands in front of a document.
const FRONT_LINES_MAX: usize = 200;

/// Between headings.
const STEP: &str = " > ";

/// Heading marks that are told apart in one document.
const MARKS_MAX: usize = 8;

/// How headings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// `# Heading`, or underlined with `=` and `-`.
    Markdown,
    /// Underlined with any mark, and overlined: the order of marks is the document's own.
    Restructured,
    /// `== Heading`, or underlined.
    AsciiDoc,
    /// Underlined, if at all.
    Plain,
}

impl Markup {
    /// What the file at `path` has, by its name.
    pub fn of(path: &str) -> Markup {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdx" | "mkd" | "mdown" | "qmd" => Markup::Markdown,
            "rst" | "rest" => Markup::Restructured,
            "adoc" | "asciidoc" | "asc" => Markup::AsciiDoc,
            _ => Markup::Plain,
        }
    }
}

/// The sections of a document.
pub fn passages(text: &str, markup: Markup) -> Vec<Passage> {
    let mut sections = Sections::new(text);
    let mut scan = Scan::new(text, markup);
    sections.root(scan.front_matter());
    while let Some(heading) = scan.next_heading() {
        sections.begin(heading);
    }
    sections.finish()
}

/// A heading.
#[derive(Debug)]
struct Heading<'a> {
    /// Where its section begins.
    start: usize,
    /// One for the highest.
    level: usize,
    text: &'a str,
}

/// A line.
#[derive(Clone, Copy, Debug, Default)]
struct Line<'a> {
    start: usize,
    /// Without what ends it, nor spaces before that.
    text: &'a str,
}

impl<'a> Line<'a> {
    /// The mark that the line is made of, if it is made of one.
    fn mark(self) -> Option<u8> {
        let mark = *self.text.as_bytes().first()?;
        let is_mark = mark.is_ascii_punctuation() && self.text.bytes().all(|byte| byte == mark);
        is_mark.then_some(mark)
    }

    fn is_blank(self) -> bool {
        self.text.trim_ascii().is_empty()
    }

    fn is_indented(self) -> bool {
        self.text.starts_with([' ', '\t'])
    }
}

/// Reads a document line by line.
#[derive(Debug)]
struct Scan<'a> {
    text: &'a str,
    markup: Markup,
    /// Where the next line begins.
    at: usize,
    /// The line before this one, and the one before that.
    before: [Line<'a>; 2],
    /// What the code that this line is in ends with.
    fence: Option<(u8, usize)>,
    is_in_comment: bool,
    /// Marks of headings and whether they stand above as well, highest first.
    marks: Vec<(u8, bool)>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, markup: Markup) -> Scan<'a> {
        Scan {
            text,
            markup,
            at: 0,
            before: [Line::default(); 2],
            fence: None,
            is_in_comment: false,
            marks: Vec::new(),
        }
    }

    fn line(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let start = self.at;
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        self.at += length;
        let text = rest[..length].trim_ascii_end();
        Some(Line { start, text })
    }

    /// Passes over what stands between lines of `---` at the start. Returns the title it names.
    fn front_matter(&mut self) -> Option<&'a str> {
        let opening = self.line().filter(|line| line.text == "---");
        let mut title = None;
        for _ in 0..FRONT_LINES_MAX {
            let Some(line) = opening.and_then(|_| self.line()) else {
                break;
            };
            if let Some(named) = line.text.strip_prefix("title:") {
                title = Some(named.trim_matches([' ', '\t', '"', '\'']));
            }
            if line.text == "---" {
                return title.filter(|title| !title.is_empty());
            }
        }
        self.at = 0;
        None
    }

    fn next_heading(&mut self) -> Option<Heading<'a>> {
        while let Some(line) = self.line() {
            let heading = match self.is_quiet(line) {
                true => None,
                false => self.marked(line).or_else(|| self.underlined(line)),
            };
            // A line of a heading is not looked at for another one.
            let is_used = heading.is_some();
            let line = if is_used { Line::default() } else { line };
            self.before = [line, self.before[0]];
            if heading.is_some() {
                return heading;
            }
        }
        None
    }

    /// Whether the line is in code or in a comment.
    fn is_quiet(&mut self, line: Line<'a>) -> bool {
        if self.is_in_comment {
            self.is_in_comment = !line.text.contains("-->");
            return true;
        }
        let fence = match self.markup {
            Markup::Markdown => markdown_fence(line.text),
            Markup::AsciiDoc => self.asciidoc_fence(line),
            Markup::Restructured | Markup::Plain => None,
        };
        if let Some((mark, length)) = self.fence {
            let is_end = |(found, count, is_bare)| found == mark && count >= length && is_bare;
            if fence.is_some_and(is_end) {
                self.fence = None;
            }
            return true;
        }
        self.fence = fence.map(|(mark, length, _)| (mark, length));
        if self.markup == Markup::Markdown
            && let Some((_, comment)) = line.text.split_once("<!--")
        {
            self.is_in_comment = !comment.contains("-->");
        }
        self.fence.is_some() || self.is_in_comment
    }

    fn asciidoc_fence(&self, line: Line<'a>) -> Option<(u8, usize, bool)> {
        let mark = line.mark().filter(|mark| b"-.+*/".contains(mark))?;
        let is_inside = self.fence.is_some() || self.before[0].text.is_empty();
        let is_attributed = self.before[0].text.ends_with(']');
        let is_fence = line.text.len() >= 4 && (is_inside || is_attributed);
        is_fence.then_some((mark, line.text.len(), true))
    }

    /// A heading that has marks in front.
    fn marked(&self, line: Line<'a>) -> Option<Heading<'a>> {
        let mark = match self.markup {
            Markup::Markdown => '#',
            Markup::AsciiDoc => '=',
            Markup::Restructured | Markup::Plain => return None,
        };
        let body = line.text.trim_start_matches(' ');
        let text = body.trim_start_matches(mark);
        let level = body.len() - text.len();
        let is_heading = (1..=6).contains(&level)
            && line.text.len() - body.len() < 4
            && (text.is_empty() || text.starts_with([' ', '\t']));
        is_heading.then(|| Heading {
            start: line.start,
            level,
            text: without_closing(text.trim_ascii(), mark),
        })
    }

    /// The heading above, if the line is made of marks and the one before is none.
    fn underlined(&mut self, line: Line<'a>) -> Option<Heading<'a>> {
        let mark = line.mark()?;
        let [title, above] = self.before;
        let has_overline = above.mark() == Some(mark) && above.text.len() == line.text.len();
        let is_alone = above.is_blank() || has_overline;
        if title.is_blank() || title.mark().is_some() || !is_alone {
            return None;
        }
        let level = self.level(mark, line.text.len(), title, has_overline)?;
        Some(Heading {
            start: if has_overline {
                above.start
            } else {
                title.start
            },
            level,
            text: title.text.trim_ascii(),
        })
    }

    fn level(
        &mut self,
        mark: u8,
        length: usize,
        title: Line<'_>,
        has_overline: bool,
    ) -> Option<usize> {
        let title_length = title.text.trim_ascii().chars().count();
        match self.markup {
            Markup::Markdown => {
                let is_text = !title.text.starts_with(['>', '-', '*', '|', '+', '\t']);
                let level = [b'=', b'-'].iter().position(|known| *known == mark);
                let is_indented = title.text.starts_with("    ");
                level.filter(|_| is_text && !is_indented).map(|at| at + 1)
            }
            Markup::AsciiDoc => {
                let is_like = title_length.abs_diff(length) <= 2 && length >= 2;
                let level = b"=-~^+".iter().position(|known| *known == mark);
                level.filter(|_| is_like).map(|at| at + 1)
            }
            Markup::Restructured => {
                let is_long = length >= title_length.min(4) && length >= 2;
                let is_title = has_overline || !title.is_indented();
                (is_long && is_title).then(|| self.level_of((mark, has_overline)))
            }
            Markup::Plain => {
                let is_long = length >= 3 && length + 2 >= title_length;
                let is_title = has_overline || !title.is_indented();
                let is_mark = b"=-~^*#+".contains(&mark);
                (is_long && is_title && is_mark).then(|| self.level_of((mark, has_overline)))
            }
        }
    }

    /// The level of a mark: the document is the first to use it, in this order.
    fn level_of(&mut self, mark: (u8, bool)) -> usize {
        let known = self.marks.iter().position(|known| *known == mark);
        if known.is_none() && self.marks.len() < MARKS_MAX {
            self.marks.push(mark);
        }
        known.map_or(self.marks.len(), |at| at + 1)
    }
}

/// A line of three and more marks, how many, and whether nothing follows.
fn markdown_fence(line: &str) -> Option<(u8, usize, bool)> {
    let body = line.trim_start_matches([' ', '\t']);
    let mark = *body
        .as_bytes()
        .first()
        .filter(|mark| b"`~".contains(mark))?;
    let length = body.bytes().take_while(|byte| *byte == mark).count();
    let rest = &body[length..];
    // "```a``` b" is code in a line of text.
    let is_fence = length >= 3 && (mark == b'~' || !rest.contains('`'));
    is_fence.then(|| (mark, length, rest.trim_ascii().is_empty()))
}

/// A heading without the marks that close it, `{#name}` and such.
fn without_closing(text: &str, mark: char) -> &str {
    let text = match text.rfind('{') {
        Some(at) if text.ends_with('}') => text[..at].trim_ascii_end(),
        Some(_) | None => text,
    };
    let bare = text.trim_end_matches(mark);
    if bare.is_empty() || bare.ends_with(' ') {
        bare.trim_ascii_end()
    } else {
        text
    }
}

/// What a heading says: no marks of code or emphasis, no addresses of links.
fn plain(heading: &str) -> String {
    // Much more than a title has; brackets are looked for again and again.
    let mut rest = &heading[..floor(heading, HEADING_BYTES_MAX)];
    let mut said = String::new();
    while let Some(at) = rest.find(['`', '*', '[']) {
        said.push_str(&rest[..at]);
        let link = rest[at..].strip_prefix('[').and_then(link);
        if let Some((text, after)) = link {
            said.push_str(text);
            rest = after;
        } else {
            let is_bracket = rest[at..].starts_with('[');
            said.push_str(if is_bracket { "[" } else { "" });
            rest = &rest[at + 1..];
        }
    }
    said.push_str(rest);
    shorten(said.trim_ascii().to_string(), TITLE_BYTES_MAX)
}

/// The text of a link whose bracket is open, and what follows it.
fn link(text: &str) -> Option<(&str, &str)> {
    let (text, address) = text.split_once("](")?;
    let (_, after) = address.split_once(')')?;
    (!text.contains('[')).then_some((text, after))
}

/// Sections while they are put together.
#[derive(Debug)]
struct Sections<'a> {
    text: &'a str,
    cutter: Cutter<'a>,
    /// What the document calls itself.
    root: Option<String>,
    /// The headings that lead here, with their levels.
    path: Vec<(usize, String)>,
    /// What is not cut yet: where it begins, and what it is called.
    open: Open,
}

/// A section that goes on.
#[derive(Debug, Default)]
struct Open {
    start: usize,
    /// Of its last heading; 0 before the first.
    level: usize,
    /// Of its last heading.
    heading_start: usize,
    title: String,
}

impl<'a> Sections<'a> {
    fn new(text: &'a str) -> Sections<'a> {
        Sections {
            text,
            cutter: Cutter::new(text, Kind::Text),
            root: None,
            path: Vec::new(),
            open: Open::default(),
        }
    }

    fn root(&mut self, title: Option<&str>) {
        self.root = title.map(plain);
        self.open.title = self.root.clone().unwrap_or_default();
    }

    fn begin(&mut self, heading: Heading<'a>) {
        let said = plain(heading.text);
        self.path.retain(|(level, _)| *level < heading.level);
        self.path.push((heading.level, said));
        let open = &self.open;
        let is_deeper = heading.level > open.level;
        let is_tiny = self.bytes(open.heading_start..heading.start) <= TINY_BYTES_MAX;
        let is_short = self.bytes(open.start..heading.start) <= JOINED_BYTES_MAX;
        let is_joined = is_tiny && is_short && heading.level >= open.level && open.level > 0;
        let mut next = Open {
            start: heading.start,
            level: heading.level,
            heading_start: heading.start,
            title: self.title(),
        };
        if is_joined || (open.level == 0 && self.is_front_only(heading.start)) {
            next.start = open.start;
            if !is_deeper {
                next.title = self.title_with_neighbour();
            }
        } else {
            self.close(heading.start);
        }
        self.open = next;
    }

    /// How much is said in a part of the text.
    fn bytes(&self, range: Range<usize>) -> usize {
        self.text[range].trim_ascii().len()
    }

    /// Whether little stands before the first heading.
    fn is_front_only(&self, end: usize) -> bool {
        self.bytes(0..end) <= JOINED_BYTES_MAX && self.text.starts_with("---")
    }

    /// Where the document is, as far as there is room: what is nearest is said first.
    fn title(&self) -> String {
        let root = self.root.iter().filter(|root| {
            let first = self.path.first();
            first.is_none_or(|(_, first)| first != *root)
        });
        let names: Vec<&String> = root.chain(self.path.iter().map(|(_, name)| name)).collect();
        let mut title = String::new();
        for name in names.into_iter().rev() {
            let longer = match title.is_empty() {
                true => name.clone(),
                false => format!("{name}{STEP}{title}"),
            };
            if longer.len() > TITLE_BYTES_MAX {
                break;
            }
            title = longer;
        }
        title
    }

    /// The title of what is open, with the last heading behind it.
    fn title_with_neighbour(&self) -> String {
        let (_, name) = self.path.last().expect("a heading was just read");
        let title = format!("{}, {name}", self.open.title);
        let fits = title.len() <= TITLE_BYTES_MAX;
        if fits { title } else { self.open.title.clone() }
    }

    fn close(&mut self, end: usize) {
        let about = About {
            title: std::mem::take(&mut self.open.title),
            ..About::default()
        };
        self.cutter
            .add(self.open.start..end, SECTION_BYTES_MAX, &about);
    }

    fn finish(mut self) -> Vec<Passage> {
        self.close(self.text.len());
        self.cutter.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each passage as `first-last title`.
    fn cut(text: &str, markup: Markup) -> Vec<String> {
        let found = passages(text, markup).into_iter();
        let shown =
            |passage: Passage| format!("{}-{} {}", passage.line, passage.line_last, passage.title);
        found.map(shown).collect()
    }

    /// A paragraph that is a passage of its own.
    fn paragraph() -> String {
        "Much is to be said of this, and of other things as well. ".repeat(3)
    }

    #[test]
    fn markdown_is_cut_at_headings_that_are_some() {
        let p = paragraph();
        let text = format!(
            "{p}\n# Install `it` [here](http://a/) {{#install}}\n{p}\n## Debian ##\n{p}\n\
             ```sh\n# no heading\n````\n{p}\n<!--\n# none either\n-->\n{p}\n\
             \nFedora\n------\n#hashtag\n{p}\n\n---\n\n    # code\n\nUse\n===\n{p}\n- a\n---\n"
        );
        let expected = [
            "1-1 ",
            "2-3 Install it here",
            "4-13 Install it here > Debian",
            "15-22 Install it here > Fedora",
            "24-28 Use",
        ];
        assert_eq!(cut(&text, Markup::Markdown), expected);
        assert_eq!(cut(&text.replace('\n', "\r\n"), Markup::Markdown), expected);
    }

    #[test]
    fn front_matter_names_a_document() {
        let p = paragraph();
        let text = format!("---\ntitle: \"The book\"\ntags: [a]\n---\n\n# One\n{p}\n# Two\n{p}\n");
        assert_eq!(
            cut(&text, Markup::Markdown),
            ["1-7 The book > One", "8-9 The book > Two"]
        );
        assert_eq!(cut("---\ntitle: a\n", Markup::Markdown), ["1-2 "]);
        let text = format!("---\ntitle: One\n---\n# One\n{p}");
        assert_eq!(cut(&text, Markup::Markdown), ["1-5 One"]);
    }

    #[test]
    fn tiny_sections_are_joined_with_those_that_follow() {
        let p = paragraph();
        let text =
            format!("# Book\n## Part\n### One\n{p}\n## A\nx\n## B\ny\n## C\n{p}\n# End\nz\n");
        assert_eq!(
            cut(&text, Markup::Markdown),
            ["1-4 Book > Part > One", "5-10 Book > A, B, C", "11-12 End"]
        );
    }

    #[test]
    fn restructured_text_has_marks_of_its_own() {
        let p = paragraph();
        let text = format!(
            ".. SPDX\n\n=====\nTitle\n=====\n\n{p}\n\nPart One\n--------\n{p}\n\n~~~~~\n\n\
             Deep\n~~~~\n{p}\n\n::\n\n  indented\n  --------\n\nNext\n----\n{p}\n\n\
             == ==\na  b\n== ==\n"
        );
        let expected = [
            "1-1 ",
            "3-7 Title",
            "9-13 Title > Part One",
            "15-22 Title > Part One > Deep",
            "24-30 Title > Next",
        ];
        assert_eq!(cut(&text, Markup::Restructured), expected);
    }

    #[test]
    fn other_texts_are_cut_at_headings_they_have() {
        let p = paragraph();
        let text = format!("= Book\n\n{p}\n\n== Part\n----\n== code\n----\n{p}\n\nGit\n~~~\n{p}\n");
        assert_eq!(
            cut(&text, Markup::AsciiDoc),
            ["1-3 Book", "5-9 Book > Part", "11-13 Book > Part > Git"]
        );
        let text = format!("{p}\n\nInstall\n=======\n{p}\n\n-- \nme\n");
        assert_eq!(cut(&text, Markup::Plain), ["1-1 ", "3-8 Install"]);
    }

    #[test]
    fn long_sections_are_cut_between_paragraphs() {
        let p = format!("{}\n\n", paragraph().trim_end());
        let text = format!("# All\n\n{}", p.repeat(40));
        let found = passages(&text, Markup::Markdown);
        assert!(found.len() > 3);
        for passage in &found {
            assert_eq!(passage.title, "All");
            assert!(passage.text.len() <= SECTION_BYTES_MAX * 5 / 4);
            assert!(text[passage.text.clone()].ends_with("as well."));
        }
    }

    #[test]
    fn titles_say_what_is_near() {
        let long = "long ".repeat(100);
        let p = paragraph();
        let text = format!("# {long}\n{p}\n## Part {long}\n{p}\n### Near\n{p}\n");
        let found = passages(&text, Markup::Markdown);
        assert_eq!(found.last().unwrap().title, "Near");
        assert!(
            found
                .iter()
                .all(|passage| passage.title.len() <= TITLE_BYTES_MAX)
        );
        assert!(found[0].title.ends_with("..."));
    }
}
